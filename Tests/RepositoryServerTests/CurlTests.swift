import Bytes
import FoundationEssentials
import Glibc
import Publishing
import Snapshots
import TestSupport
import Testing

@testable import RepositoryServer

/// An independent client: what curl makes of this server.
@Suite(.enabled(if: access("/usr/bin/curl", X_OK) == 0, "curl is not installed")) struct CurlTests {
  /// Runs curl to its end and returns its exit code.
  private func curl(_ arguments: String...) -> Int32 {
    var pointers = (["curl", "--silent", "--max-time", "20"] + arguments).map { strdup($0) } + [nil]
    defer { pointers.forEach { free($0) } }
    var process: pid_t = 0
    precondition(posix_spawn(&process, "/usr/bin/curl", nil, nil, &pointers, environ) == 0)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    return status & 0x7F == 0 ? (status >> 8) & 0xFF : -1
  }

  @Test func `curl continues a download, and asks for what has changed only`() throws {
    let served = try ServedRepository()
    let version = try served.publish(bytes: 3_000_000)
    let section = try #require(version.manifest.sections.first { $0.tag == "own" })
    let url = "http://127.0.0.1:\(served.port)/models/home/1/\(section.digest)"
    let target = served.folder.file("blob")
    let start = try served.contents("\(served.root)/models/home/1/\(section.digest)").prefix(1_000_000)
    try Data(start).write(to: URL(filePath: target))
    #expect(curl("--fail", "--continue-at", "-", "--output", target, url) == 0)
    #expect(digest(try served.contents(target)) == section.wireDigest)

    let (tag, body) = (served.folder.file("tag"), served.folder.file("models"))
    let models = "http://127.0.0.1:\(served.port)/models.json"
    #expect(curl("--fail", "--etag-save", tag, "--output", body, models) == 0)
    let before = served.counts.answers[304, default: 0]
    #expect(curl("--fail", "--etag-compare", tag, "--output", body, models) == 0)
    #expect(served.counts.answers[304, default: 0] == before + 1)
    #expect(try served.contents(body) == Array("{\"models\":[\"home\"]}\n".utf8))
  }

  @Test func `curl publishes a version`() throws {
    let served = try ServedRepository()
    let version = try served.versionToSend()
    let base = "http://127.0.0.1:\(served.port)/models/home/1"
    let token = "Authorization: Bearer \(ServedRepository.token)"
    for (name, bytes) in version.blobs + [("manifest.json", version.manifest.bytes)] {
      let file = served.folder.file("upload")
      try Data(bytes).write(to: URL(filePath: file))
      #expect(curl("--fail", "--upload-file", file, "--header", token, "\(base)/\(name)") == 0, "\(name)")
    }
    #expect(try served.repository.manifest("home", 1) == version.manifest)
    #expect(
      curl("--fail", "--upload-file", served.folder.file("upload"), "\(base)/manifest.json") == 22, "without a token")
  }
}

private func + (left: [String: [UInt8]], right: [(String, [UInt8])]) -> [(String, [UInt8])] {
  left.map { ($0.key, $0.value) } + right
}
