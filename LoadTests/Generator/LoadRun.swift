/// Runs a plan: the outward face of the generator.
///
///     let result = try LoadRun(plan).run(
///       actions: [ScheduledAction(atSeconds: 5, "kill memcached") { memcached.kill() }],
///       progress: { sample in ... })
///
/// `run` blocks its thread, on which actions and progress are called, while the generator's threads work. It never
/// throws for what the server does: that is in the result.
public struct LoadRun {
  public let plan: LoadPlan

  public init(_ plan: LoadPlan) { self.plan = plan }

  /// - Parameters:
  ///   - actions: performed in order of their time; one that takes long delays the next, not the load.
  ///   - progress: once a second with that second as known so far: answers still on their way are missing.
  ///   - isCancelled: asked some twenty times a second; true ends the run early, with a partial result.
  public func run(
    actions: [ScheduledAction] = [], progress: ((SecondSample) -> Void)? = nil, isCancelled: () -> Bool = { false }
  ) throws(LoadError) -> RunResult {
    throw LoadError("the generator's loop is not built yet")
  }
}
