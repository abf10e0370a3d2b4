internal import Bytes

/// Reads delimited interactions: a header names the columns, each further row is one interaction.
///
/// One pass over the mapped bytes; a field is never a String. About 100 ns a row in release, most of it hashing ids.
struct InteractionReader {
  let path: String
  let progress: ProgressReceiver

  /// How many rows pass between two reports of progress: some milliseconds of work.
  static let rowsPerReport = 1 << 15

  /// Reads a file whose first row names its columns.
  func read(
    _ file: borrowing InputFile, names: ColumnNames, into builder: inout InteractionLogBuilder,
    _ report: inout ReadReport
  ) throws(TrainError) -> LogTraits {
    let header = try findHeader(file, names: names)
    let columns = try columns(of: header, names: names)
    return try read(
      file, delimiter: header.delimiter, columns: columns, hasHeader: true, into: &builder, &report)
  }

  /// Reads rows under known columns.
  func read(
    _ file: borrowing InputFile, delimiter: Delimiter, columns: InteractionColumns, hasHeader: Bool,
    into builder: inout InteractionLogBuilder, _ report: inout ReadReport
  ) throws(TrainError) -> LogTraits {
    var scanner = RowScanner(file.bytes, delimiter: delimiter)
    if hasHeader { _ = scanner.next() }
    progress(TrainProgress(.reading, 0, of: file.byteCount, "bytes"))
    rows: while true {
      switch scanner.next() {
      case .end: break rows
      case .broken(let reason):
        report.rows += 1
        report.broken.add(line: scanner.line, reason)
      case .row:
        report.rows += 1
        if let problem = take(scanner, columns, &builder) {
          report.broken.add(line: scanner.line, problem.description)
        }
      }
      if report.rows % Self.rowsPerReport == 0 {
        progress(TrainProgress(.reading, scanner.offset, of: file.byteCount, "bytes"))
      }
    }
    guard report.rows > 0 else { throw TrainError(.badInput, "\(path) holds a header and no rows") }
    progress(TrainProgress(.reading, file.byteCount, of: file.byteCount, "bytes"))
    return LogTraits(hasTimes: columns[.time] != nil, isRated: columns[.rating] != nil)
  }

  /// Adds the current row to the log; the reason when it cannot be used.
  private func take(
    _ row: borrowing RowScanner, _ columns: InteractionColumns, _ builder: inout InteractionLogBuilder
  ) -> RowProblem? {
    guard row.fields.count == columns.fieldCount else {
      return "\(row.fields.count) fields where \(columns.fieldCount) belong"
    }
    var time: UInt32 = 0
    if let column = columns[.time] {
      guard let found = row.withField(column, { parseTime($0) }) else {
        return "the time \(row.quoted(column)) is neither Unix time nor an ISO 8601 date"
      }
      time = found
    }
    var weight: Float = 1
    if let column = columns[.rating] ?? columns[.weight] {
      guard let found = row.withField(column, { parseDecimal($0) }), found >= 0, Float(found).isFinite else {
        return "the \(columns[.rating] != nil ? "rating" : "weight") \(row.quoted(column)) is no number from 0 on"
      }
      weight = Float(found)
    }
    if let column = columns[.event] {
      let eventWeight = row.withField(column) { builder.weight(event: $0) }
      // A rating speaks for itself; beside one, a type only decides whether the row counts at all.
      weight = columns[.rating] == nil ? weight * eventWeight : weight
      if eventWeight == 0 { return builder.ignore() }
    }
    return take(row, columns, time: time, weight: weight, &builder)
  }

  private func take(
    _ row: borrowing RowScanner, _ columns: InteractionColumns, time: UInt32, weight: Float,
    _ builder: inout InteractionLogBuilder
  ) -> RowProblem? {
    // A weight of 0 is "did not happen" (an impression), unless it is a rating, which is judged when all are known.
    if weight == 0, columns[.rating] == nil { return builder.ignore() }
    // The item first: a row without one must leave no user behind.
    switch row.withField(columns[.item]!, { builder.item($0) }) {
    case .failure(let problem): return problem
    case .success(let item):
      switch row.withField(columns[.user]!, { builder.user($0) }) {
      case .failure(let problem): return problem
      case .success(let user): builder.append(user: user, item: item, time: time, weight: weight)
      }
    }
    return nil
  }

  // MARK: - Header

  private func findHeader(_ file: borrowing InputFile, names: ColumnNames) throws(TrainError) -> Header {
    let known = Set(InteractionColumn.allCases.flatMap { $0.names })
    let given = Set(InteractionColumn.allCases.compactMap { names.name(of: $0).map(foldedName) })
    let header = Header.detect(file.bytes) { name in
      known.contains(foldedName(name)) || given.contains(foldedName(name))
    }
    guard let header else {
      throw TrainError(
        .badInput, "\(path): the first line is no header (user, item and maybe a time, a rating, an event type)")
    }
    return header
  }

  private func columns(of header: Header, names: ColumnNames) throws(TrainError) -> InteractionColumns {
    var positions: [InteractionColumn: Int] = [:]
    for column in InteractionColumn.allCases {
      if let given = names.name(of: column) {
        guard let position = header.position(of: [foldedName(given)]) else {
          throw TrainError(.badSetting, "\(path) has no column \"\(given)\"; it has \(listed(header.names))")
        }
        positions[column] = position
      } else if let position = header.position(of: column.names), !positions.values.contains(position) {
        positions[column] = position
      }
    }
    for column in [InteractionColumn.user, .item] where positions[column] == nil {
      throw TrainError(
        .badInput,
        "\(path) has no \(column) column; its header has \(listed(header.names)), known names are "
          + column.names.prefix(8).joined(separator: ", ") + " and some more")
    }
    return InteractionColumns(fieldCount: header.names.count, positions: positions)
  }

  private func listed(_ names: [String]) -> String {
    names.prefix(12).map { "\"\($0.prefix(40))\"" }.joined(separator: ", ") + (names.count > 12 ? ", …" : "")
  }
}

extension RowScanner {
  /// A field as an error shows it.
  func quoted(_ index: Int) -> String { "\"" + text(index).prefix(40) + "\"" }
}
