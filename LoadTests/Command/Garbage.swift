import ArgumentParser
import FoundationEssentials
import LoadGenerator
import LoadLab
import LoadReport

/// A peer in memcached's place lies in every way it knows.
struct Garbage: ScenarioCommand {
  static let scenario = "garbage"
  static let summary =
    "memcached lies under load: wrong opaques, others' values, garbage, halves, late replies; no wrong answer"

  @OptionGroup var common: ScenarioOptions
  @OptionGroup var loss: NodeLoss
  @Option(help: "One reply in so many is a lie.") var oneIn = 7

  var described: [String: String] { loss.described.merging(["oneIn": "\(oneIn)"]) { $1 } }

  func perform(_ lab: Lab, _ report: inout ScenarioReport) throws {
    let memcached = try MemcachedProcess(lab)
    let peer = try LyingPeer(before: memcached)
    defer { peer.end() }
    let gateway = try loss.gateway(lab, memcached: peer.address)
    let truth = try Truth(of: gateway)
    let watch = Watch(port: gateway.port, targets: truth.targets, perSecond: 200) { _, target, answer in
      truth.complaint(about: answer, to: target)
    }
    var told: [String: Double] = [:]
    var timeline = Timeline()
    timeline.then("truth", hold: loss.seconds)
    for lie in Lie.allCases {
      timeline.then(lie.rawValue, hold: loss.seconds) { peer.tell(lie, every: oneIn) }
      timeline.then("truth after \(lie.rawValue)", hold: 0) {
        peer.tell(nil)
        told[lie.rawValue] = Double(peer.lies) - told.values.reduce(0, +)
        _ = try loss.waitForL2(gateway)
      }
    }
    timeline.then("truth again", hold: loss.seconds)
    var (run, phases) = try timeline.run(try loss.plan(gateway), on: gateway)
    // The moments of truth between two lies would only crowd the picture.
    let isBetween = { (name: String) in name.hasPrefix("truth after") }
    run.marks.removeAll { isBetween($0.name) && $0.error == nil }
    phases.removeAll { isBetween($0.name) }
    let watched = watch.stop()
    report.show(run, as: "memcached lies")
    report.show(phases, of: run)
    report.checkAllGood(run, as: "memcached lies")
    report.checkDeadline(run, as: "memcached lies")
    report.check(
      watched.wrong == 0,
      "\(watched.wrong) of \(watched.asked) compared answers were wrong: \(watched.complaints.first ?? "")")
    if let first = phases.first {
      report.check(
        first.share(of: "l2") > 0.5 || !run.validity.isValid,
        "while the peer told the truth l2 answered only \(Format.percent(first.share(of: "l2")))")
    }
    for lie in Lie.allCases {
      report.check(told[lie.rawValue, default: 0] > 0, "\(lie.rawValue): not one lie was told")
    }
    report.note("lies", .group(told.mapValues { .number($0) }))
    report.note("comparedAnswers", .number(Double(watched.asked)))
    report.add(
      text:
        "\(Format.count(told.values.reduce(0, +))) lies; \(Format.count(Double(watched.asked))) answers compared with "
        + "what they were before, item by item")
  }
}

/// What each target's answer was while everybody told the truth.
private final class Truth: Sendable {
  let targets: [String]
  private let items: [String: [String]]

  init(of gateway: GatewayProcess) throws {
    targets = Catalogue.itemTargets(NodeLoss.keys) + Catalogue.userTargets(NodeLoss.keys)
    var items: [String: [String]] = [:]
    for target in targets {
      // On a busy machine a list may stand in for the one that was not ready by the deadline; then it is asked again.
      let came = try waitUntil(within: 10) { () throws(LabError) in
        items[target] = Truth.items(of: try gateway.get(target))
        return items[target] != nil
      }
      guard came else {
        throw LabError.trouble("\(target) was answered with another list for 10 s: the machine is too busy")
      }
    }
    self.items = items
  }

  func complaint(about answer: HTTPAnswer, to target: String) -> String? {
    guard let found = Truth.items(of: answer), let expected = items[target] else { return nil }
    // Freshness moves scores while the run lasts, so the last place may change hands; another key's list shares few.
    guard Set(found).subtracting(expected).count > 1 else { return nil }
    return "\(answer.tier ?? "no tier") gave \(found.joined(separator: " ")), not \(expected.joined(separator: " "))"
  }

  /// Ids of an answer's items; nil for a list that stands in for another, which says so.
  private static func items(of answer: HTTPAnswer) -> [String]? {
    struct Body: Decodable {
      struct Item: Decodable { let itemId: String }
      struct Fallback: Decodable {}
      let items: [Item]
      let fallback: Fallback?
    }
    guard let body = try? JSONDecoder().decode(Body.self, from: Data(answer.body.utf8)) else { return [answer.body] }
    return body.fallback == nil ? body.items.map(\.itemId) : nil
  }
}
