/// Why a lab cannot go on, as a sentence for the person who runs it.
public enum LabError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A program or file is not there; the sentence says how to get it.
  case missing(String)
  /// Something that was started did not do what it should; the sentence ends with what it said last.
  case trouble(String)

  public var description: String {
    switch self {
    case .missing(let sentence), .trouble(let sentence): sentence
    }
  }
}
