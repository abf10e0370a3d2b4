/// The stages of making a list, in the order in which they are passed.
public enum ComputeStage: Int, Sendable, CaseIterable {
  /// The query vector: a row that is copied, or the fold-in of a window.
  case prepare
  /// Filter and history: which items may be answered.
  case rules
  /// The candidates.
  case search
  /// What the model knows of each candidate, weighted and summed.
  case features
  /// The order of the list.
  case diversity
  /// The list's stored form.
  case render

  /// As a label of metrics.
  public var name: StaticString {
    switch self {
    case .prepare: "prepare"
    case .rules: "rules"
    case .search: "search"
    case .features: "features"
    case .diversity: "diversity"
    case .render: "render"
    }
  }
}

/// Is told when a stage of a list has ended and the next begins.
///
/// The model has no clock: who wants to know what the stages take brings one.
public protocol ComputeStageReceiver {
  mutating func ended(_ stage: ComputeStage)
}

/// For whom nobody measures: precompute, warming, tests.
public struct NoStageReceiver: ComputeStageReceiver {
  public init() {}

  public func ended(_ stage: ComputeStage) {}
}
