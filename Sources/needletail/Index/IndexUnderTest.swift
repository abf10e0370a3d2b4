import ArgumentParser
import Retrieval
import Snapshots
import Tensors

/// The index that is asked: a built file, or vectors that are built first.
struct IndexSource: ParsableArguments {
  @Option(help: "Item vectors to build an index of: a .npy, or file.safetensors[:tensor].") var base: String?
  @Option(help: "A file of index build, or a model's snapshot, instead of building.") var index: String?
  @OptionGroup var options: IndexBuildOptions

  func validate() throws {
    guard (base == nil) != (index == nil) else { throw ValidationError("give --base or --index, one of them") }
  }

  func open() throws -> IndexUnderTest { try IndexUnderTest(base: base, index: index, options) }
}

struct IndexUnderTest {
  let index: VectorIndex
  /// nil for a file that was built before.
  let buildSeconds: Double?

  /// Of one of the two.
  init(base: String?, index: String?, _ options: IndexBuildOptions) throws {
    if let index {
      self.index = try Self.mapped(index, options.metric)
      buildSeconds = nil
    } else {
      let build = try options.build(matrix(base!))
      self.index = VectorIndex(build.index)
      buildSeconds = build.seconds
    }
  }

  private static func mapped(_ path: String, _ metric: Metric?) throws -> VectorIndex {
    let index: VectorIndex
    do throws(SnapshotError) {
      let snapshot = try Snapshot.open(path: path, verify: .checksums)
      snapshot.prefault()
      index = try VectorIndex(snapshot)
    } catch {
      throw CommandFailure(error.code == .fetchFailed ? .noInput : .data, "\(error)")
    }
    if let metric, metric != index.metric {
      throw CommandFailure(.data, "\(path): is an index by \(index.metric), not by \(metric)")
    }
    return index
  }

  /// Queries for this index, the first `limit` of them.
  func queries(_ source: String, limit: Int?) throws -> QuerySet {
    let rows = try matrix(source)
    guard rows.columns == index.dimension else {
      throw CommandFailure(.data, "\(source): has \(rows.columns) columns, the index \(index.dimension) dimensions")
    }
    guard rows.rows > 0 else { throw CommandFailure(.data, "\(source): has no rows to ask") }
    return QuerySet(source: source, rows: rows, count: min(limit ?? rows.rows, rows.rows))
  }
}

/// The first rows of a matrix, as queries.
struct QuerySet: Sendable {
  let source: String
  let rows: Matrix
  let count: Int

  /// A search's refusal of one of them.
  func failure(_ error: SearchError, _ row: Int) -> CommandFailure {
    CommandFailure(.data, "\(source), row \(row): \(error)")
  }
}

extension Effort {
  /// Of the recall that a caller asks for.
  init?(recall: Double) {
    guard let effort = [Effort.recall90, .recall95, .recall99].first(where: { $0.target == recall }) else { return nil }
    self = effort
  }
}
