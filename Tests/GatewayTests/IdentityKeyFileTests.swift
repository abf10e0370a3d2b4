import Bytes
import Configuration
import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import Gateway

@Suite struct IdentityKeyFileTests {
  let folder = TemporaryFolder()

  private func settings(_ more: [String: [String]] = [:]) throws -> Settings {
    try Settings(
      Configuration(
        flags: ["repository": [folder.file("repository")], "dataDir": [folder.file("data")]].merging(more) { $1 }))
  }

  @Test func `a key is made once, for its owner alone, and found again`() throws {
    let key = try IdentityKeyFile.key(for: settings())
    #expect(try IdentityKeyFile.key(for: settings()) == key)
    #expect(try IdentityKeyFile.read(folder.file("repository/identity.key")) == key)
    for place in ["repository", "data"] {
      var status = stat()
      #expect(stat(folder.file("\(place)/identity.key"), &status) == 0 && status.st_mode & 0o777 == 0o600, "\(place)")
    }
  }

  @Test func `without the repository the copy beside the snapshots is used`() throws {
    let key = try IdentityKeyFile.key(for: settings())
    try FileManager.default.removeItem(atPath: folder.file("repository"))
    #expect(try IdentityKeyFile.key(for: settings()) == key)
  }

  @Test func `a repository with another key replaces the copy`() throws {
    _ = try IdentityKeyFile.key(for: settings())
    let other = IdentityKey.random()
    folder.write(other.hex, to: "repository/identity.key")
    #expect(try IdentityKeyFile.key(for: settings()) == other)
    try FileManager.default.removeItem(atPath: folder.file("repository"))
    #expect(try IdentityKeyFile.key(for: settings()) == other)
  }

  @Test func `a configured file is read, and must hold a key`() throws {
    let key = IdentityKey.random()
    let path = folder.write(" \(key.hex)\n", to: "own.key")
    #expect(try IdentityKeyFile.key(for: settings(["identity.keyFile": [path]])) == key)
    for text in ["", "xyz", String(key.hex.dropLast()), key.hex + "00"] {
      folder.write(text, to: "bad.key")
      #expect {
        _ = try IdentityKeyFile.key(for: settings(["identity.keyFile": [folder.file("bad.key")]]))
      } throws: { "\($0)".contains("32 hexadecimal digits") }
    }
    #expect {
      _ = try IdentityKeyFile.key(for: settings(["identity.keyFile": [folder.file("absent")]]))
    } throws: { "\($0)".contains("cannot be read") }
  }

  @Test func `of several that make the key at once all use the same`() async throws {
    let path = folder.file("repository/identity.key")
    let keys = try await withThrowingTaskGroup(of: IdentityKey.self) { group in
      for _ in 0..<8 { group.addTask { try IdentityKeyFile.readOrMake(path) } }
      return try await group.reduce(into: [String]()) { $0.append($1.hex) }
    }
    #expect(Set(keys).count == 1)
  }
}
