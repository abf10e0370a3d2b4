import ArgumentParser

extension AdminNode {
  /// A challenger that is tried beside the champion.
  struct Canary: Decodable {
    struct Side: Decodable {
      let version: Int
      let requests: Int
      let impressions: Int
      let clickThrough: Double?

      var summary: String {
        let clicks = clickThrough.map { ", \(percent($0)) of \(impressions) impressions clicked" } ?? ""
        return "\(version): \(requests) requests\(clicks)"
      }
    }

    struct Guardrail: Decodable {
      let guardrail: String
      let logEvidence, logThreshold: Double
    }

    let share: Double
    let step: Int
    let steps: [Double]
    let awaits: String?
    let champion, challenger: Side
    let guardrails: [Guardrail]

    var summary: String {
      var lines = [
        "  canary: \(percent(share)) of the users see version \(challenger.version), step \(step) of \(steps.count)"
      ]
      lines.append("    champion \(champion.summary)")
      lines.append("    challenger \(challenger.summary)")
      let nearest = guardrails.max { $0.logEvidence / $0.logThreshold < $1.logEvidence / $1.logThreshold }
      if let nearest, nearest.logEvidence > 0 {
        lines.append(
          "    guardrail \(nearest.guardrail) is at \(percent(nearest.logEvidence / nearest.logThreshold)) of what stops it"
        )
      }
      if let awaits { lines.append("    awaits: \(awaits)") }
      return lines.joined(separator: "\n")
    }
  }
}

private func percent(_ share: Double) -> String {
  let tenths = Int((share * 1000).rounded())
  return "\(tenths / 10).\(tenths % 10) %"
}

extension ModelsCommand {
  struct AbortCanary: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "abort", abstract: "End the canary: the challenger is rejected on this node.")

    @OptionGroup var admin: AdminOptions
    @Argument(help: "Name of the model.") var model: String

    func run() throws { try reporting { try perform(admin, "POST", model + ":abort") } }
  }

  struct Readmit: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Have a version judged once more that was rejected on this node.")

    @OptionGroup var admin: AdminOptions
    @Argument(help: "Name of the model.") var model: String
    @Argument(help: "Number of the version.") var version: Int

    func run() throws { try reporting { try perform(admin, "POST", model + ":readmit", #"{"version":\#(version)}"#) } }
  }
}
