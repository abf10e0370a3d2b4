import Publishing
import Snapshots
import TestSupport
import Testing

@testable import Gateway

@Suite struct MemoryAdmissionTests {
  private func free(_ files: [String: String]) -> Int { MemoryFree { files[$0] }.bytes }

  private let machine = ["/proc/meminfo": "MemTotal:  16000000 kB\nMemFree:  100 kB\nMemAvailable:   2000 kB\n"]

  @Test func `the machine's memory counts when there is no limit`() {
    #expect(free(machine) == 2_048_000)
    #expect(
      free(machine.merging(["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "max\n"]) { $1 }) == 2_048_000)
    #expect(free([:]) == .max)
  }

  @Test func `the tightest group above counts, less what it uses and with the files that can be read again`() {
    let second = machine.merging([
      "/proc/self/cgroup": "0::/system.slice/needletail.service\n",
      "/sys/fs/cgroup/system.slice/memory.max": "1000000\n", "/sys/fs/cgroup/system.slice/memory.current": "900000\n",
      "/sys/fs/cgroup/system.slice/memory.stat": "anon 1\ninactive_file 50000\nactive_file 30000\n",
      "/sys/fs/cgroup/system.slice/needletail.service/memory.max": "800000\n",
      "/sys/fs/cgroup/system.slice/needletail.service/memory.current": "100000\n",
    ]) { $1 }
    #expect(free(second) == 180_000)
    let first = machine.merging([
      "/proc/self/cgroup": "12:cpu,cpuacct:/a\n4:memory:/a\n",
      "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "500000",
      "/sys/fs/cgroup/memory/a/memory.usage_in_bytes": "400000",
      "/sys/fs/cgroup/memory/a/memory.stat": "total_inactive_file 1000\ntotal_active_file 2000\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
      "/sys/fs/cgroup/memory/memory.usage_in_bytes": "400000",
    ]) { $1 }
    #expect(free(first) == 103_000)
  }

  @Test func `a group whose path is the host's still has the limit at the mount's root`() {
    let container = machine.merging([
      "/proc/self/cgroup": "0::/docker/abc\n", "/sys/fs/cgroup/memory.max": "300000",
      "/sys/fs/cgroup/memory.current": "100000",
    ]) { $1 }
    #expect(free(container) == 200_000)
  }

  @Test func `this machine says something`() {
    let here = MemoryFree().bytes
    #expect(here > 1 << 20 && here < 1 << 50, "\(here)")
  }

  private func admission(_ megabytes: Int, mapped: Int = 0, free: Int) -> MemoryAdmission {
    MemoryAdmission(
      sections: ["vec.f32": megabytes * 1_000_000], items: 0, reserveBytes: 64_000_000, mappedBytes: mapped * 1_000_000,
      memory: MemoryFree(bytes: free * 1_000_000))
  }

  @Test func `a snapshot that does not fit is refused by a sentence that says what it needs and what there is`() {
    let tight = admission(1_136, free: 900)
    #expect(!tight.isAdmitted && tight.ratio > 1.3)
    #expect(tight.sentence == "needs 1.2 GB, 0.06 GB of it in reserve (gates.memoryReserve), has 0.9")
    #expect(admission(836, free: 900).isAdmitted)
    #expect(!admission(837, free: 900).isAdmitted)
  }

  @Test func `snapshots that are mapped count as free to the kernel, and are not`() {
    #expect(admission(500, free: 1_000).isAdmitted)
    #expect(!admission(500, mapped: 500, free: 1_000).isAdmitted)
    #expect(admission(500, mapped: 2_000, free: 1_000).availableBytes == 0)
  }

  @Test func `codes that are copied into huge pages count twice`() {
    let sizes: [SectionTag: Int] = ["vec.f32": 100 << 20, "idx.cell": 8 << 20, "idx.step": 16 << 20]
    let large = MemoryAdmission(sections: sizes, items: 800, reserveBytes: 0, mappedBytes: 0, memory: .init(bytes: 0))
    #expect(large.neededBytes == (100 + 2 * 24 + 4) << 20 + 100)
    let small = MemoryAdmission(
      sections: ["idx.cell": 1 << 20, "idx.step": 2 << 20], items: 0, reserveBytes: 0, mappedBytes: 0,
      memory: .init(bytes: 0))
    #expect(small.neededBytes == 3 << 20)
  }
}
