import Testing

@testable import LoadLab

struct ProcessTableTests {
  @Test func `a process whose name has spaces and parentheses is read right`() {
    let line =
      "417 (a b) c) S 12 417 417 0 -1 4194560 1 2 3 4 271 94 5 6 20 0 9 0 1167 123 456 18446744073709551615 1 1"
    #expect(
      ProcessTable.parseStat(line) == ProcessTable.Stat(state: "S", parent: 12, userTicks: 271, systemTicks: 94))
  }

  @Test func `a cut line is no process`() {
    #expect(ProcessTable.parseStat("417 (x) S 12 417") == nil)
    #expect(ProcessTable.parseStat("") == nil)
  }

  @Test func `resident memory is read in KiB`() {
    let status = "Name:\tx\nVmPeak:\t  4000 kB\nVmRSS:\t  2148 kB\nThreads:\t1\n"
    #expect(ProcessTable.kibibytes(named: "VmRSS", inStatus: status) == 2148)
    #expect(ProcessTable.kibibytes(named: "VmSwap", inStatus: status) == nil)
  }

  @Test func `this process has memory, descriptors and processor time`() {
    var sum: UInt64 = 1
    let began = monotonicSeconds()
    // Three ticks of 10 ms, so that at least one is counted.
    while monotonicSeconds() - began < 0.05 { sum = sum &* 6_364_136_223_846_793_005 &+ 1 }
    #expect(sum != 0)
    let pid = ProcessTable.ownPid
    #expect(ProcessTable.residentBytes(pid)! > 1_000_000)
    #expect(ProcessTable.openDescriptors(pid)! > 2)
    #expect(ProcessTable.cpuSeconds([pid]) > 0)
    #expect(ProcessTable.threadSeconds(pid, named: "").reduce(0, +) > 0.01)
    #expect(ProcessTable.threadSeconds(pid, named: "no such thread").isEmpty)
  }

  @Test func `a process that has gone costs nothing`() {
    #expect(ProcessTable.cpuSeconds([2_147_483_000]) == 0)
    #expect(ProcessTable.residentBytes(2_147_483_000) == nil)
  }
}

struct MachineTests {
  @Test(arguments: [
    ("0", [0]), ("0-3", [0, 1, 2, 3]), ("0,4", [0, 4]), ("0-1,6-7\n", [0, 1, 6, 7]), ("", []), ("x", []), ("3-1", []),
  ])
  func `a list of processors is read as the kernel writes it`(text: String, cpus: [Int]) {
    #expect(Machine.parseList(text) == cpus)
  }

  @Test func `the processor's name is found on x86 and on ARM boards`() {
    #expect(Machine.model(ofCPUInfo: "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t: a b\n") == "AMD EPYC")
    #expect(Machine.model(ofCPUInfo: "processor\t: 0\nModel\t\t: Raspberry Pi 4\n") == "Raspberry Pi 4")
    #expect(Machine.model(ofCPUInfo: "") == nil)
  }

  @Test func `server and load stand on processors that we may use`() {
    let machine = Machine.here()
    #expect(machine.cpus.contains(machine.serverCPU))
    #expect(machine.cpus.contains(machine.loadCPU))
    if machine.cpus.count > 1 { #expect(machine.serverCPU != machine.loadCPU) }
    #expect(machine.memoryGiB > 0)
    #expect(!machine.kernel.isEmpty)
  }
}
