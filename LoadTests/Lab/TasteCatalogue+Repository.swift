internal import FoundationEssentials

extension TasteCatalogue {
  /// A repository with snapshots of the catalogue, as a publisher makes them: each with a seed of its own, so that their
  /// lists are alike and their bytes are not.
  ///
  /// - Parameters:
  ///   - reuse: take the one that an earlier run left, if it is there.
  ///   - note: told before each build, which takes half a minute or more for a million items.
  /// - Returns: the folder, and what the builds said and took; none when it was there.
  public func repository(
    _ lab: Lab, versions: Int = 1, reuse: Bool, note: (String) -> Void
  ) throws(LabError) -> (path: String, builds: [(said: String, seconds: Double)]) {
    let kept = "\(folder)/repository" + (versions == 1 ? "" : "-\(versions)")
    if reuse, FileManager.default.fileExists(atPath: kept) { return (kept, []) }
    try? FileManager.default.removeItem(atPath: kept)
    var builds: [(said: String, seconds: Double)] = []
    for version in 1...versions {
      note("needletail snapshot build: version \(version) of \(versions)")
      let began = monotonicSeconds()
      let said = try lab.run(
        "snapshot-build",
        [
          lab.needletail, "snapshot", "build", "--repository", kept, "--model", Catalogue.model, "--seed", "\(version)",
        ] + buildArguments, within: 3_600)
      builds.append((said, monotonicSeconds() - began))
    }
    return (kept, builds)
  }
}
