import ArgumentParser

@main
struct NeedletailLoad: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "needletail-load",
    abstract: "Load a Needletail gateway, or another HTTP server, and say honestly how it did.",
    discussion: """
      needletail-load run --url http://127.0.0.1:8080 --workload LoadTests/Workloads/zipf.yaml --rate 2000
      needletail-load run --rate 500 --slo 'p99=2ms,errors=0' --out results.jsonl
      needletail-load sweep --from 1000 --slo 'p99=5ms'

      Exit codes: 0, 1 when an SLO is missed, 2 when the generator itself was too late or too busy for its figures to count,
      64 and above when the command cannot be carried out.
      """,
    version: LoadKitVersion.text,
    // A further command is a further line, in a file of its own.
    subcommands: [
      RunCommand.self,
      SteadyCommand.self,
      SweepCommand.self,
      ReplayCommand.self,
      Bench.self,
      Mixed.self,
      Overload.self,
      Swap.self, Fleet.self, Canary.self,
      MemcachedKill.self,
      MemcachedStop.self,
      Garbage.self,
      Restart.self,
      Slowloris.self,
      Startup.self,
      Accept.self,
      Computed.self,
    ])
}
