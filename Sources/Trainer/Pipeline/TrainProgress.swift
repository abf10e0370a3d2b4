/// What a run is doing, sent often: at each step of work that may last, and at least at the start and the end of a
/// phase. Who renders it (`ProgressPrinter`) thins it out.
public struct TrainProgress: Sendable, Equatable {
  /// In the order in which a run passes them.
  public enum Phase: String, Sendable, CaseIterable {
    case vectors, reading, items, splitting, searching, training, evaluating, refitting, segments, trending, writing, precomputing, publishing

    /// As a line on the screen begins.
    public var title: String {
      switch self {
      case .vectors: "reading vectors"
      case .reading: "reading interactions"
      case .items: "reading items"
      case .splitting: "splitting"
      case .searching: "choosing settings"
      case .training: "training on the training part"
      case .evaluating: "evaluating"
      case .refitting: "training on everything"
      case .segments: "forming segments"
      case .trending: "counting trends"
      case .writing: "writing the snapshot"
      case .precomputing: "writing lists"
      case .publishing: "publishing"
      }
    }
  }

  public let phase: Phase
  /// How much of `total` is done, in `unit`.
  public let done: Int
  public let total: Int
  /// "bytes", "epochs", "users"; a rate per second is shown for those that are many.
  public let unit: String
  /// Something worth a word, such as the loss of the last epoch; empty when there is nothing to say.
  public let note: String

  public init(_ phase: Phase, _ done: Int, of total: Int, _ unit: String, note: String = "") {
    self.phase = phase
    self.done = done
    self.total = total
    self.unit = unit
    self.note = note
  }

  public var share: Double { total > 0 ? min(1, Double(done) / Double(total)) : 1 }
}

/// Takes progress. May be called from any thread of the run, never from two at once.
public typealias ProgressReceiver = @Sendable (TrainProgress) -> Void
