internal import FoundationEssentials

/// Names that move from version to version: `aliases.json` of a model.
///
/// `champion` serves, `challenger` is tried beside it; others are a publisher's own and kept as they are.
public struct Aliases: Sendable, Hashable {
  public static let champion = "champion"
  public static let challenger = "challenger"
  public static let none = Aliases(versions: [:])
  static let entriesMax = 64

  public let versions: [String: Int]

  init(versions: [String: Int]) { self.versions = versions }

  public init(champion: Int?, challenger: Int? = nil) {
    var versions: [String: Int] = [:]
    versions[Self.champion] = champion
    versions[Self.challenger] = challenger
    self.versions = versions
  }

  public var champion: Int? { versions[Self.champion] }
  public var challenger: Int? { versions[Self.challenger] }

  func setting(_ alias: String, to version: Int?) -> Aliases {
    var versions = versions
    versions[alias] = version
    return Aliases(versions: versions)
  }

  package func encoded() -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return Array(try! encoder.encode(versions)) + [UInt8(ascii: "\n")]  // Names and integers always encode.
  }

  package static func decode(_ bytes: RawSpan, from place: String) throws(PublishError) -> Aliases {
    let versions: [String: Int]
    do {
      versions = try JSONDecoder().decode([String: Int].self, from: bytes.withUnsafeBytes { Data($0) })
    } catch { throw PublishError(.manifestInvalid, "\(place): \(explained(error))") }
    guard versions.count <= entriesMax else {
      throw PublishError(.manifestInvalid, "\(place): more than \(entriesMax) aliases")
    }
    for (alias, version) in versions {
      guard isName(alias) else { throw PublishError(.manifestInvalid, "\(place): \"\(alias)\" is not a name") }
      guard (1...Manifest.Limits.version).contains(version) else {
        throw PublishError(.manifestInvalid, "\(place): \(alias) points to \(version)")
      }
    }
    return Aliases(versions: versions)
  }
}
