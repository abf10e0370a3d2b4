import Bytes
import FoundationEssentials
import Glibc
import Snapshots
import Synchronization
import TestSupport
import Testing

@testable import Gateway

@Suite struct AvailabilityFileTests {
  private let folder = TemporaryFolder()
  private var path: String { AvailabilityFile.path(dataDirectory: folder.path) }

  private func made(of ids: [String]) -> UnavailableIDs { UnavailableIDs(ascending: ids.map { ItemID($0) })! }
  private var some: UnavailableIDs { made(of: ["b-1", "caf\u{e9}", "i", "i7", String(repeating: "x", count: 255)]) }

  @Test func `what is written is read`() throws {
    #expect(try AvailabilityFile.read(path) == nil)
    for one in [some, UnavailableIDs(), made(of: (1000..<9000).map { "item-\($0)" })] {
      try AvailabilityFile.write(one, to: path)
      #expect(try AvailabilityFile.read(path) == one)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["availability"])
  }

  @Test func `a file of any other bytes is refused: cut anywhere, changed anywhere, or longer`() {
    let bytes = AvailabilityFile.bytes(of: made(of: ["a", "b7", "c"]))
    for count in 0..<bytes.count {
      #expect(throws: AvailabilityFile.Fault.self, "\(count) bytes") {
        try AvailabilityFile.set(from: Array(bytes[..<count]))
      }
    }
    for place in bytes.indices {
      for bit in 0..<8 {
        var changed = bytes
        changed[place] ^= 1 << UInt8(bit)
        #expect(throws: AvailabilityFile.Fault.self, "bit \(bit) of byte \(place)") {
          try AvailabilityFile.set(from: changed)
        }
      }
    }
    #expect(throws: AvailabilityFile.Fault.self) { try AvailabilityFile.set(from: bytes + [0]) }
    #expect(throws: AvailabilityFile.Fault.self) {
      try AvailabilityFile.set(from: Array(repeating: 0, count: 100))
    }
  }

  /// A file whose checksum is right, and whose contents are not: from another program, or with a purpose.
  private func sealed(_ count: UInt32, _ ids: [[UInt8]]) -> [UInt8] {
    var bytes = Array("NTA1".utf8) + (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
    for id in ids { bytes += [UInt8(id.count)] + id }
    let checksum = xxh3(bytes.span.bytes)
    return bytes + (0..<8).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) }
  }

  @Test func `a file that checks out and says nonsense is refused`() throws {
    #expect(try AvailabilityFile.set(from: sealed(1, [[97]])).ids == [ItemID("a")])
    for (count, ids) in [
      (2, [[97]]), (0, [[97]]), (.max, []), (1, [[0xFF]]), (1, [[]]), (2, [[98], [97]]), (2, [[97], [97]]),
    ] as [(UInt32, [[UInt8]])] {
      #expect(throws: AvailabilityFile.Fault.self, "\(count) of \(ids)") {
        try AvailabilityFile.set(from: sealed(count, ids))
      }
    }
  }

  @Test func `what is no file is refused without waiting for it`() throws {
    mkfifo(path, 0o600)
    #expect(throws: AvailabilityFile.Fault.self) { try AvailabilityFile.read(path) }
    unlink(path)
    mkdir(path, 0o700)
    #expect(throws: AvailabilityFile.Fault.self) { try AvailabilityFile.read(path) }
  }

  @Test func `a write that fails at any step leaves the old set, or the new one, and never a part`() throws {
    try AvailabilityFile.write(some, to: path)
    let next = made(of: ["z"])
    for failing in 0..<6 {
      let steps = Steps()
      let disk = Disk { (step, path) throws(DiskError) in
        if steps.next() == failing { throw DiskError(step: step, path: path, code: ENOSPC) }
      }
      var hasFailed = false
      do throws(DiskError) { try AvailabilityFile.write(next, to: path, disk: disk) } catch { hasFailed = true }
      let read = try AvailabilityFile.read(path)
      // The fifth step makes the new name durable.
      #expect(hasFailed == (failing < 5) && read == (failing < 4 ? some : next), "step \(failing)")
    }
    AvailabilityFile.sweep(folder.path)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["availability"])
  }

  @Test func `what a killed process left is swept, and nothing else`() throws {
    for name in ["availability", "availability.tmp-1f", "availability.old", "models.tmp-2"] {
      folder.write("x", to: name)
    }
    AvailabilityFile.sweep(folder.path)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        == ["availability", "availability.old", "models.tmp-2"])
  }
}

/// Counts steps across a closure that may be called from anywhere.
private final class Steps: Sendable {
  private let count = Atomic(0)
  func next() -> Int { count.add(1, ordering: .relaxed).oldValue }
}
