import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import LoadGenerator

/// The program itself: what a deployment's script sees of it.
@Suite(.serialized) struct CommandTests {
  private struct Ended {
    var status: Int32
    var output: String
  }

  /// The program stands beside the bundle of tests.
  private static let program: String = {
    var path = [CChar](repeating: 0, count: 4096)
    let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
    let bundle = maps.split(separator: "\n").first { $0.contains(".xctest") }?.split(separator: " ").last.map(String.init)
    _ = readlink("/proc/self/exe", &path, path.count - 1)
    let folder = URL(filePath: bundle ?? String(decoding: path.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))
    return folder.deletingLastPathComponent().path + "/needletail-load"
  }()

  private func run(_ arguments: String) throws -> Ended {
    let pipe = try #require(popen("'\(CommandTests.program)' \(arguments) 2>&1", "r"))
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { output += chunk[..<count] }
    return Ended(status: pclose(pipe) >> 8 & 0xFF, output: String(decoding: output, as: UTF8.self))
  }

  private func quick(_ server: ToyServer) -> String {
    "--url http://\(server.address) --rate 100 --duration 300ms --warm-up 0s --connections 4 --timeout 20s -q"
  }

  /// A busy machine may make the generator late, which is 2 whatever the SLO says; then the test has nothing to see.
  private func expect(_ ended: Ended, _ status: Int32) {
    #expect(ended.status == status || (ended.status == 2 && ended.output.contains("INVALID")), "\(ended.output)")
  }

  @Test func `an SLO that is met is 0, one that is missed is 1, and says so`() throws {
    let server = try ToyServer { .answer(body: ToyServer.list($0)) }
    let met = try run("run \(quick(server)) --slo 'p99=20s,errors=0'")
    expect(met, 0)
    #expect(met.output.contains("met    errors=0: 0"))
    let missed = try run("run \(quick(server)) --slo 'p50=1us'")
    expect(missed, 1)
    #expect(missed.output.contains("MISSED p50=1us: "))
  }

  @Test func `results are lines of JSON, and pages that stand alone`() throws {
    let server = try ToyServer { .answer(body: ToyServer.list($0)) }
    let folder = TemporaryFolder()
    let (lines, page) = (folder.file("results.jsonl"), folder.file("page.html"))
    expect(try run("steady --rounds 2 \(quick(server)) --out \(lines) --report \(page)"), 0)
    let results = try String(contentsOfFile: lines, encoding: .utf8).split(separator: "\n").map {
      try RunResult.read(jsonLine: String($0))
    }
    #expect(results.map(\.settings.seed) == [1, 2] && results.map(\.name) == ["steady", "steady"])
    let html = try String(contentsOfFile: page, encoding: .utf8)
    #expect(html.contains("<svg") && html.contains("round 2") && !html.contains("src=\"http"))
  }

  @Test func `what was recorded is replayed`() throws {
    let server = try ToyServer { .answer(body: ToyServer.list($0)) }
    let folder = TemporaryFolder()
    let trace = folder.file("trace.tsv")
    expect(try run("run \(quick(server)) --record \(trace)"), 0)
    let sent = server.requests.count
    expect(try run("replay \(trace) --url http://\(server.address) --connections 4 --timeout 20s -q"), 0)
    #expect(sent > 10 && server.requests.count == 2 * sent)
  }

  @Test func `a sweep finds the knee of a server that takes only so much`() throws {
    // Some 100 a second, one after the other.
    let server = try ToyServer { .stall(milliseconds: 10, body: ToyServer.list($0)) }
    let swept = try run(
      "sweep --url http://\(server.address) --from 20 --factor 3 --step 700ms --overload 2 --overload-for 1s --recovery 1s "
        + "--warm-up 0s --timeout 300ms --connections 4 -q --slo within=250ms")
    #expect(swept.status == 0 || swept.output.contains("INVALID") || swept.output.contains("no knee"), "\(swept.output)")
    #expect(swept.output.contains("does not hold"))
  }

  @Test func `Ctrl-C ends a run cleanly, with what there is`() throws {
    let server = try ToyServer { .answer(body: ToyServer.list($0)) }
    let command =
      "run --url http://\(server.address) --rate 100 --duration 60s --warm-up 0s --connections 4 -q & pid=$!; sleep 1.5; "
      + "kill -INT $pid; wait $pid; exit $?"
    let ended = try run(command)
    #expect(ended.output.contains("PARTIAL: ended after "), "\(ended.output)")
    expect(ended, 0)
  }

  @Test(arguments: [
    ("run --url http://127.0.0.1:1 -q", "Connection refused. Is the server running?"),
    ("run --slo p99=2", "write a duration with its unit"),
    ("run --arrivals sometimes", "is none of: poisson constant closed"),
    ("run --workload /no/such.yaml", "the workload cannot be read"),
    ("run --timeout 5", "is no duration"),
    ("replay /no/such.tsv", "the trace cannot be read"),
  ])
  func `what cannot be done is told in a sentence`(arguments: String, sentence: String) throws {
    let ended = try run(arguments)
    #expect(ended.status == 69 && ended.output.hasPrefix("error: ") && ended.output.contains(sentence), "\(ended.output)")
  }
}
