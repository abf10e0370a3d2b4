internal import Publishing
internal import Snapshots

/// Why something was not taken in: a status, a sentence that says what to do, and the stable code of what is wrong with
/// a version where there is one.
struct Refusal: Error, Sendable, Equatable {
  let status: Int
  let detail: String
  var reason: RejectReason?

  init(_ status: Int, _ detail: String, _ reason: RejectReason? = nil) {
    self.status = status
    self.detail = detail
    self.reason = reason
  }

  /// What a publisher sent that does not check out.
  init(_ error: PublishError) { self.init(422, error.detail, error.reason) }

  /// The disk's fault, and no path of it: those are the operator's to know, in the log.
  init(_ error: DiskError) {
    self =
      error.isFull
      ? Refusal(507, "The disk of the repository is full. Free some of it, then send this again.")
      : Refusal(500, "The repository could not be written to; its log says why. Send this again later.")
  }
}

/// Changes to the disk, with their failures in the words that a publisher gets.
func refusing<Result>(_ body: () throws(DiskError) -> Result) throws(Refusal) -> Result {
  do { return try body() } catch { throw Refusal(error) }
}
