internal import Glibc

/// Implicit-feedback matrix factorisation by alternating least squares, each row solved exactly.
///
/// The loss is that of "Revisiting the Performance of iALS on Item Recommendation Benchmarks" (Rendle, Krichene, Zhang,
/// Koren, RecSys 2022), with a confidence c for each entry of the set S of interactions, user rows w and item rows h:
///
///     Σ_S c (w·h − 1)² + α₀ Σ_all (w·h)² + λ (Σ_u #u^ν |w_u|² + Σ_i #i^ν |h_i|²)
///     #u = |I(u)| + α₀ |items|,   #i = |U(i)| + α₀ |users|
///
/// so that one user's row, all items fixed, solves
///
///     (α₀ H'H + Σ_{i ∈ I(u)} c h_i h_i' + λ #u^ν 1) w = Σ_{i ∈ I(u)} c h_i
///
/// and likewise an item's. A half-step lowers the loss or leaves it. Training ends on the users' half-step: trained user
/// rows are what `FoldInSolver` makes of the same entries.
///
/// The same seed gives the same bits whatever the number of threads. Between instruction sets the last bits differ.
///
/// - Complexity: O(Σ min(n² d, n d²) + d³ (users + items)) an epoch at worst, where n are the rows' lengths.
public final class ALS {
  public let settings: ALSSettings
  /// Whole epochs done.
  public private(set) var epoch = 0

  private let users: HalfStep
  private let items: HalfStep
  private let started = ContinuousClock.now

  public init(_ matrix: InteractionMatrix, _ settings: ALSSettings) throws(FactorizationError) {
    try settings.check()
    guard matrix.entryCount > 0 else { throw .noInteractions }
    self.settings = settings
    let userRows = FactorTable(count: matrix.userCount, dimension: settings.dimensions)
    let itemRows = FactorTable(count: matrix.itemCount, dimension: settings.dimensions)
    users = HalfStep(side: .users, history: matrix, target: userRows, source: itemRows, settings: settings)
    items = HalfStep(side: .items, history: matrix.transposed(), target: itemRows, source: userRows, settings: settings)
    // The first half-step reads the items alone; users of the start never count.
    var noise = InitialNoise(seed: settings.seed)
    let deviation = Double(settings.initialScale) / Double(settings.dimensions).squareRoot()
    for item in 0..<itemRows.count {
      for place in 0..<itemRows.dimension { itemRows.row(item)[place] = Float(noise.gaussian() * deviation) }
    }
  }

  /// Trains from the start to the end. `progress` runs on the caller's thread, a few times a second and at the end of
  /// each half-step.
  public static func train(
    _ matrix: InteractionMatrix, _ settings: ALSSettings, progress: (ALSProgress) -> Void = { _ in }
  ) throws(FactorizationError) -> Factors {
    let training = try ALS(matrix, settings)
    for _ in 0..<settings.epochs { try training.runEpoch(progress: progress) }
    return try training.finish(progress: progress)
  }

  /// Users, then items.
  public func runEpoch(progress: (ALSProgress) -> Void = { _ in }) throws(FactorizationError) {
    try updateUsers(progress: progress)
    try updateItems(progress: progress)
    epoch += 1
  }

  public func updateUsers(progress: (ALSProgress) -> Void = { _ in }) throws(FactorizationError) {
    try run(users, progress)
  }

  public func updateItems(progress: (ALSProgress) -> Void = { _ in }) throws(FactorizationError) {
    try run(items, progress)
  }

  /// The last half-step, over the users, and the rows. More epochs may follow, and another `finish`: an extra users'
  /// half-step repeats what the next epoch starts with and changes nothing but the basis.
  public func finish(progress: (ALSProgress) -> Void = { _ in }) throws(FactorizationError) -> Factors {
    try updateUsers(progress: progress)
    return try factors()
  }

  /// The rows as they stand.
  public func factors() throws(FactorizationError) -> Factors {
    guard users.target.isFinite, items.target.isFinite else { throw .diverged }
    return Factors(users: users.target.compact(), items: items.target.compact(), dimension: settings.dimensions)
  }

  /// The loss of the rows as they stand.
  public func loss() -> ALSLoss {
    ALSLoss(users: users.target, items: items.target, history: users.history, settings: settings)
  }

  private func run(_ step: HalfStep, _ progress: (ALSProgress) -> Void) throws(FactorizationError) {
    let begun = ContinuousClock.now
    var last = begun
    func report(_ done: Int) {
      let now = ContinuousClock.now
      guard done == step.target.count || now - last > .milliseconds(200) else { return }
      last = now
      progress(
        ALSProgress(
          epoch: min(epoch + 1, settings.epochs), epochs: settings.epochs, side: step.side, rowsDone: done,
          rowsTotal: step.target.count, rowsPerSecond: Double(done) / max(seconds(now - begun), 1e-9),
          secondsElapsed: seconds(now - started)))
    }
    try step.run(progress: { done in if done < step.target.count { report(done) } })
    report(step.target.count)
  }
}

/// How far training is.
public struct ALSProgress: Sendable {
  public enum Side: String, Sendable { case users, items }

  /// From 1. The closing users' half-step counts to the last epoch.
  public let epoch: Int
  public let epochs: Int
  public let side: Side
  public let rowsDone: Int
  public let rowsTotal: Int
  /// Of this half-step.
  public let rowsPerSecond: Double
  /// Since training began.
  public let secondsElapsed: Double
}

func seconds(_ duration: Duration) -> Double {
  Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}

/// Standard normal numbers, the same for a seed on every run: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) and the
/// method of Box and Muller.
struct InitialNoise {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func gaussian() -> Double {
    // 1 - u: never zero, whose logarithm is none.
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }

  /// Within 0..<1, from 53 bits.
  private mutating func uniform() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ (bits &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits &>> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((bits ^ (bits &>> 31)) >> 11) * 0x1p-53
  }
}
