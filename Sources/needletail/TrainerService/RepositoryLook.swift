import Publishing
import Trainer

/// What a trainer sees when it looks at its event segments and its repository: on a thread of its own, for both may lie on
/// a slow disk.
struct RepositoryLook: Sendable {
  var tally: EventTally
  /// Committed, ascending.
  var versions: [Int] = []
  var champion: Int?
  var challenger: Int?
  /// When the champion was made; a trainer that starts without a state of its own counts from there.
  var championCreatedAt: Int?
  /// Sentences about what could not be read.
  var faults: [String] = []

  /// Blocks.
  static func take(events: [String], repository: String, model: String, tally: EventTally) -> RepositoryLook {
    var look = RepositoryLook(tally: tally)
    look.faults = look.tally.look(at: events)
    let folder = FolderRepository(path: repository)
    do {
      let listing = try folder.listing(of: model)
      look.versions = listing.versions.keys.sorted()
      let choice = VersionChoice.choose(usable: look.versions, aliases: listing.aliases)
      look.champion = choice?.champion
      look.challenger = choice?.challenger
      look.championCreatedAt = try choice.map {
        try folder.manifest(model, $0.champion).manifest.details.createdAtSeconds
      }
      look.faults += listing.faults.sorted { $0.key < $1.key }.map { "version \($0.key): \($0.value)" }
    } catch { look.faults.append("\(error)") }
    return look
  }
}
