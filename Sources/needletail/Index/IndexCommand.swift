import ArgumentParser
import Glibc
import Retrieval
import Snapshots
import Tensors

struct IndexCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "index", abstract: "Build a vector index, measure it, and see where a query's time goes.",
    subcommands: [Build.self, Bench.self, Explain.self])

  struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Build an index of vectors into a file that bench and explain map.",
      discussion: """
        needletail index build --base items.npy --calibration users.npy --out items.ntsnap
        needletail index build --base model.safetensors:item_vectors --metric cosine --out items.ntsnap

        The file holds the index and the exact rows, and no item ids: what a gateway serves is made by snapshot build and train.
        """)

    @OptionGroup var vectors: IndexVectors
    @Option(help: "File to write; replaced when it is there.") var out: String
    @Flag(help: "Print one JSON object.") var json = false

    func run() throws {
      try reporting {
        let build = try vectors.build()
        let index = VectorIndex(build.index)
        let write = try write(build)
        let report = Report(index: index, build: build, writeSeconds: write.seconds, fileBytes: write.bytes, out: out)
        print(json ? report.json : report.text)
      }
    }

    private func write(_ build: TimedBuild) throws -> (seconds: Double, bytes: Int) {
      let progress = StepPrinter()
      defer { progress.finish() }
      let start = monotonicSeconds()
      do throws(SnapshotError) {
        var writer = try SnapshotWriter(path: out)
        let sections = build.index.sections
        for (place, part) in sections.enumerated() {
          progress.show("writing", Double(place) / Double(sections.count))
          try writer.add(part.tag, part.section)
        }
        try writer.seal()
        progress.show("writing", 1)
        let bytes = try Snapshot.open(path: out, verify: .structure).byteCount
        return (monotonicSeconds() - start, bytes)
      } catch { throw CommandFailure(.cannotWrite, "\(error)") }
    }
  }
}

/// What a build says when it is done.
private struct Report {
  let index: VectorIndex
  let build: TimedBuild
  let writeSeconds: Double
  let fileBytes: Int
  let out: String

  private var floatBytes: Int { index.count * index.dimension * MemoryLayout<Float>.stride }
  private var share: Double { floatBytes > 0 ? Double(index.codeBytes) / Double(floatBytes) : 0 }

  var json: String {
    let steps = build.steps.map { #""\#($0.name)":\#(rounded($0.seconds, 3))"# }.joined(separator: ",")
    return #"{"schemaVersion":1,"items":\#(index.count),"dimension":\#(index.dimension),"metric":"\#(index.metric)","#
      + #""lists":\#(index.listCount),"blocks":\#(index.blockCount),"index_bytes":\#(index.codeBytes),"#
      + #""float_bytes":\#(floatBytes),"file_bytes":\#(fileBytes),"build_s":\#(rounded(build.seconds, 3)),"#
      + #""steps_s":{\#(steps)},"write_s":\#(rounded(writeSeconds, 3)),"build_peak_bytes":\#(build.peakBytes),"#
      + #""peak_bytes":\#(peakResidentBytes())}"#
  }

  var text: String {
    let steps = (build.steps + [(name: "writing", seconds: writeSeconds)]).map {
      "  \(padded($0.name, 14))\(padded(decimals($0.seconds, 2), 8, right: true)) s"
    }
    return """
      \(out): \(index.count) items of \(index.dimension) dimensions by \(index.metric)
        \(index.listCount) lists, \(index.blockCount) blocks
        \(bytesText(index.codeBytes)) to be searched, \(decimals(share, 3)) of float32; \(bytesText(fileBytes)) with the exact rows
        built in \(decimals(build.seconds, 2)) s:
      \(steps.joined(separator: "\n"))
        peak resident memory \(bytesText(build.peakBytes)) while building, vectors included; \(bytesText(peakResidentBytes())) in all
      """
  }
}

/// The most memory that this process has had resident so far, mapped files included (getrusage(2)).
func peakResidentBytes() -> Int {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return usage.ru_maxrss * 1024
}
