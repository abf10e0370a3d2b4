internal import Snapshots

/// The snapshot file of a model while it is written: `SnapshotWriter` with this module's error.
struct ModelFile: ~Copyable {
  private var writer: SnapshotWriter

  init(path: String) throws(ModelContentError) {
    do throws(SnapshotError) { writer = try SnapshotWriter(path: path) } catch { throw .cannotWrite("\(error)") }
  }

  mutating func add(_ tag: SectionTag, _ section: SectionBuilder) throws(ModelContentError) {
    do throws(SnapshotError) { try writer.add(tag, section) } catch { throw .cannotWrite("\(error)") }
  }

  /// Composes a section and adds it.
  mutating func add(
    _ tag: SectionTag, _ compose: (inout SectionBuilder) throws(ModelContentError) -> Void
  ) throws(ModelContentError) {
    var section = SectionBuilder()
    try compose(&section)
    try add(tag, section)
  }

  consuming func seal() throws(ModelContentError) {
    do throws(SnapshotError) { try writer.seal() } catch { throw .cannotWrite("\(error)") }
  }
}
