internal import Bytes

/// The catalogue as metadata describes it, in the order of the rows.
struct PackedItems {
  var items: [CatalogueItem]
  /// The column that says how popular items are, and its numbers by row.
  var popularity: (column: String, numbers: [Double?])?
  /// Rows that metadata describes.
  var described = 0
  /// Items of the metadata without a vector: nothing can be recommended by them, and they are left out.
  var withoutVector = 0
  /// Categories and values that did not fit into what a snapshot holds of an item.
  var leftOut = 0
  var broken = BrokenRows()

  /// Items of whom only the ids are known.
  init(ids: [String]) { items = ids.map { CatalogueItem(id: $0) } }

  /// Gives rows what is known of them. `places`: the rows of ids.
  ///
  /// - Throws: when none of it belongs to any row, which is a mistake and not a gap.
  mutating func describe(
    by content: [CatalogueItem], _ places: [String: Int], path: String, vectors: String
  ) throws(TrainError) {
    let column = content.lazy.compactMap { Self.popularityMember($0)?.name }.first
    var numbers = [Double?](repeating: nil, count: column == nil ? 0 : items.count)
    for var item in content {
      guard let row = places[item.id] else {
        withoutVector += 1
        continue
      }
      described += 1
      if let column, let place = item.metadata.firstIndex(where: { $0.name == column }) {
        // For ranking, not for shoppers.
        numbers[row] = Self.number(item.metadata.remove(at: place).value)
      }
      leftOut += item.fit()
      items[row] = item
    }
    guard described > 0 else {
      throw TrainError(
        .badInput,
        "\(path): none of its \(content.count) items, \"\(content[0].id)\" the first, is a row of \(vectors), where "
          + "\"\(items[0].id)\" is the first; name the rows' ids with --item-ids")
    }
    popularity = column.map { ($0, numbers) }
  }

  private static func popularityMember(_ item: CatalogueItem) -> CatalogueItem.Pair? {
    item.metadata.first { Popularity.memberNames.contains(foldedName($0.name)) && number($0.value) != nil }
  }

  private static func number(_ text: String) -> Double? {
    parseDecimal(text.utf8.span.bytes).flatMap { $0.isFinite ? $0 : nil }
  }
}
