internal import Bytes
internal import FoundationEssentials
internal import Glibc

extension CatalogueGenerator {
  /// Writes `interactions.csv` and `items.csv` into a folder, which is made if need be, with those above it: the files
  /// that users bring, so that a demonstration goes the way of real data.
  public func write(to folder: String) throws(TrainError) {
    let shop = generate()
    do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
      throw TrainError(.output, "cannot make the folder \(folder): \(error)")
    }
    try Self.write(itemsText(shop), to: folder + "/items.csv")
    try Self.write(interactionsText(shop), to: folder + "/interactions.csv")
  }

  private func itemsText(_ shop: Shop) -> ByteBuffer {
    var text = ByteBuffer(capacity: shop.books.count * 96)
    text.append("itemId,title,categories,publishedAt,author\n")
    for book in shop.books {
      var categories: [String] = []
      for theme in book.themes {
        for name in [shop.themes[theme].genre.name, shop.themes[theme].theme.name] where !categories.contains(name) {
          categories.append(name)
        }
      }
      let fields = [book.id, book.title, categories.joined(separator: "|"), isoDate(book.publishedAt), book.author]
      text.append(fields.map(quotedField).joined(separator: ",") + "\n")
    }
    return text
  }

  private func interactionsText(_ shop: Shop) -> ByteBuffer {
    var text = ByteBuffer(capacity: shop.events.count * 36)
    text.append("userId,itemId,eventType,timestamp\n")
    for event in shop.events {
      text.append("u" + padded(event.user + 1, 4))
      text.append(",")
      text.append(shop.books[event.book].id)
      text.append(",")
      text.append(event.type)
      text.append(",\(event.time)\n")
    }
    return text
  }

  private static func write(_ text: consuming ByteBuffer, to path: String) throws(TrainError) {
    guard let file = fopen(path, "we") else { throw unwritable(path) }
    let isWritten = text.bytes.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) == $0.count }
    guard fclose(file) == 0, isWritten else { throw unwritable(path) }
  }

  private static func unwritable(_ path: String) -> TrainError {
    TrainError(.output, "cannot write \(path): \(String(cString: strerror(errno)))")
  }
}

func padded(_ number: Int, _ digits: Int) -> String {
  let text = String(number)
  return String(repeating: "0", count: max(0, digits - text.count)) + text
}

/// A field as RFC 4180 wants it.
private func quotedField(_ text: String) -> String {
  guard text.contains(where: { $0 == "," || $0 == "\"" || $0 == "\n" }) else { return text }
  return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
}

/// The day of a time, `2026-01-31` (Hinnant's civil_from_days).
func isoDate(_ time: UInt32) -> String {
  let days = Int(time) / 86_400 + 719_468
  let era = days / 146_097
  let dayOfEra = days - era * 146_097
  let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let month = (5 * dayOfYear + 2) / 153
  let day = dayOfYear - (153 * month + 2) / 5 + 1
  let calendarMonth = month < 10 ? month + 3 : month - 9
  return "\(yearOfEra + era * 400 + (calendarMonth <= 2 ? 1 : 0))-\(padded(calendarMonth, 2))-\(padded(day, 2))"
}
