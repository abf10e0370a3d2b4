import FoundationEssentials
import Testing

@testable import LoadLab

@Suite struct TasteClicksTests {
  private let folder: Folder

  private final class Folder {
    let path = FileManager.default.temporaryDirectory.path + "/taste-\(UUID().uuidString)"

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  init() throws { folder = try Folder() }

  private func catalogue() throws -> TasteCatalogue {
    let catalogue = try TasteCatalogue(items: 600, users: 40, dimensions: 8, folder: folder.path)
    try catalogue.make()
    return catalogue
  }

  /// The ten items that a model with these vectors would show a user.
  private func best(_ user: Int, _ itemsFile: String, _ catalogue: TasteCatalogue) throws -> [Int] {
    func rows(_ path: String, _ count: Int) throws -> [Float] {
      let data = try Data(contentsOf: URL(filePath: path)).suffix(4 * count)
      var rows = [Float](repeating: 0, count: count)
      _ = rows.withUnsafeMutableBytes { data.copyBytes(to: $0) }
      return rows
    }
    let dimensions = catalogue.dimensions
    let items = try rows(itemsFile, catalogue.items * dimensions)
    let users = try rows("\(catalogue.folder)/users.npy", catalogue.users * dimensions)
    let scores = (0..<catalogue.items).map { item in
      (0..<dimensions).reduce(Float(0)) { $0 + items[item * dimensions + $1] * users[user * dimensions + $1] }
    }
    return Array(scores.indices.sorted { scores[$0] > scores[$1] }.prefix(10))
  }

  @Test func `who likes an item best clicks it most, and less the further down it stands`() throws {
    let catalogue = try catalogue()
    let taste = try TasteClicks(catalogue)
    for user in 0..<10 {
      let list = try best(user, "\(catalogue.folder)/items.npy", catalogue)
      #expect(abs(taste.chance(user: user, item: list[0], place: 0) - TasteClicks.clickRateMax) < 1e-6)
      let places = (0..<10).map { taste.chance(user: user, item: list[0], place: $0) }
      #expect(zip(places, places.dropFirst()).allSatisfy { $0 > $1 })
      let items = list.map { taste.chance(user: user, item: $0, place: 0) }
      #expect(zip(items, items.dropFirst()).allSatisfy { $0 >= $1 } && items[9] > 0)
    }
  }

  @Test func `noise on the vectors costs clicks, the more the louder`() throws {
    let catalogue = try catalogue()
    let taste = try TasteClicks(catalogue)
    func clicks(_ file: String) throws -> Double {
      try (0..<catalogue.users).reduce(0) { sum, user in
        let list = try best(user, file, catalogue)
        return sum + list.enumerated().reduce(0) { $0 + taste.chance(user: user, item: $1.element, place: $1.offset) }
      }
    }
    let clean = try clicks("\(catalogue.folder)/items.npy")
    var last = clean
    for noise: Float in [0.3, 1] {
      let path = "\(folder.path)/noisy-\(noise)"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      let arguments = try catalogue.noisy(noise, seed: 3, in: path)
      #expect(arguments[0] == "--items" && arguments[1] == "\(path)/items.npy")
      #expect(Array(arguments[2...]) == Array(catalogue.buildArguments[2...]))
      let noisy = try clicks(arguments[1])
      #expect(noisy < last, "\(noise): \(noisy), before \(last)")
      last = noisy
    }
  }
}
