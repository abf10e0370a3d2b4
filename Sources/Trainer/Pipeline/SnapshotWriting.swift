internal import Model

/// In their order, as `ModelContent.write` names them; one that is not listed counts to the one before.
private let writingSteps = ["checking", "clustering", "assigning", "packing", "calibrating", "writing"]

/// Writes a snapshot and returns the size of the file.
func writeSnapshot(
  _ content: ModelContent, to path: String, progress: @escaping ProgressReceiver
) throws(TrainError) -> Int {
  do throws(ModelContentError) {
    var place = 0
    try content.write(to: path) { step, share in
      place = writingSteps.firstIndex(of: step) ?? place
      let done = 100 * place + Int(100 * min(1, share))
      progress(TrainProgress(.writing, done, of: 100 * writingSteps.count, "parts", note: step))
    }
  } catch {
    switch error {
    case .invalid: throw TrainError(.badInput, "\(error)")
    case .cannotWrite: throw TrainError(.output, "\(error)")
    }
  }
  return byteCount(of: path) ?? 0
}
