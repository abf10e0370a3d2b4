import FoundationEssentials
import LoadLab
import LoadReport

// One rollback, looked at closely.
extension Swap {
  private static let askedItems = 500

  /// From the operator's command to the first answer of the version before, and where its answers come from then: keys
  /// carry the version, so what it left in the caches is still there. Each item's list is asked for once under each
  /// version, over a connection of its own, so about half of the questions meet a worker that has not seen the list.
  func rollingBack(_ gateway: GatewayProcess, _ report: inout ScenarioReport) throws {
    let targets = (0..<Swap.askedItems).map { "/v1/placements/detail/recommendations?itemId=\($0)&numResults=10" }
    for target in targets { try gateway.get(target) }
    _ = try rollBack(gateway, targets[0])
    for target in targets { try gateway.get(target) }
    let seconds = try rollBack(gateway, targets[0])
    var tiers: [String: Int] = [:]
    for target in targets { tiers[try gateway.get(target).tier ?? "none", default: 0] += 1 }
    let warm = Double(tiers["l1", default: 0] + tiers["l2", default: 0]) / Double(targets.count)
    report.add(heading: "One rollback")
    report.add(
      text: "from the command to the first answer of the version before: \(Format.time(microseconds: seconds * 1e6)); then "
        + tiers.sorted { $0.value > $1.value }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        + " of \(targets.count) answers")
    report.note("rollbackMilliseconds", .rounded(seconds * 1000, places: 3))
    report.note("rollbackWarmShare", .rounded(warm))
    report.check(seconds <= 1, "the rollback took \(Format.time(microseconds: seconds * 1e6)), more than a second")
    report.check(warm >= 0.9, "after the rollback \(Format.percent(1 - warm)) of the answers were in no cache")
  }

  /// Seconds until an answer is of the other version.
  private func rollBack(_ gateway: GatewayProcess, _ target: String) throws -> Double {
    let before = version(of: try gateway.get(target))
    let began = monotonicSeconds()
    try gateway.admin("POST", "/admin/v1/models/\(Catalogue.model):rollback")
    while version(of: try gateway.get(target)) == before {
      guard monotonicSeconds() - began < 30 else {
        throw LabError.trouble("the version before does not answer:\n\(gateway.process.said())")
      }
    }
    return monotonicSeconds() - began
  }

  private func version(of answer: HTTPAnswer) -> Substring? {
    answer.body.split(separator: "\"version\":").last?.prefix { $0.isNumber }
  }
}
