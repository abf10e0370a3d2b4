internal import Snapshots

extension Manifest {
  public enum Limits {
    /// 125 sections of some 300 bytes, metrics and annotations: 40 KiB; the rest is room.
    public static let manifestBytes = 1 << 20
    public static let sections = Snapshot.sectionsMax
    /// 1 TiB: 125 of them are 2⁴⁷, so no sum of sizes overflows.
    public static let sectionBytes = 1 << 40
    /// Four bytes of an answer's recommendationId hold it, with a bit to spare.
    public static let version = Int(Int32.max)
    public static let dimension = 1 << 16
    /// Counts, metrics and annotations.
    public static let entries = 256
    public static let textBytes = 4096
  }

  /// Checks what the types do not say; `decode` has run this, and so has every manifest that was published.
  func check() throws(PublishError) {
    func refuse(unless holds: Bool, _ detail: @autoclosure () -> String) throws(PublishError) {
      guard holds else { throw PublishError(.manifestInvalid, detail()) }
    }
    try refuse(unless: isName(model), "model: \"\(model)\" is not a name of [a-z0-9-], 1 to 32 characters")
    try refuse(unless: (1...Limits.version).contains(version), "version: \(version) is not in 1…\(Limits.version)")
    try refuse(
      unless: ["dot", "cosine"].contains(details.metric), "metric: \"\(details.metric)\" is neither dot nor cosine")
    try refuse(
      unless: (1...Limits.dimension).contains(details.dimension),
      "dimension: \(details.dimension) is not in 1…\(Limits.dimension)")
    try refuse(unless: details.counts.values.allSatisfy { $0 >= 0 }, "counts: one is negative")
    try refuse(unless: details.metrics.values.allSatisfy(\.isFinite), "metrics: one is not finite")
    try refuse(
      unless: max(details.counts.count, details.metrics.count, details.annotations.count) <= Limits.entries,
      "more than \(Limits.entries) counts, metrics or annotations")
    let texts = [Array(details.counts.keys), Array(details.metrics.keys), details.annotations.flatMap { [$0, $1] }]
    try refuse(
      unless: texts.joined().allSatisfy { $0.utf8.count <= Limits.textBytes },
      "a text of more than \(Limits.textBytes) bytes")
    try checkSections(refuse)
  }

  private func checkSections(
    _ refuse: (Bool, @autoclosure () -> String) throws(PublishError) -> Void
  ) throws(PublishError) {
    try refuse(sections.count <= Limits.sections, "sections: \(sections.count) are more than \(Limits.sections)")
    var tags: Set<SectionTag> = []
    for section in sections {
      try refuse(tags.insert(section.tag).inserted, "sections: two have the tag \(section.tag)")
      try refuse(
        (0...Limits.sectionBytes).contains(section.size), "sections: \(section.tag) has a size of \(section.size)")
      // LZ4 stores what it cannot shrink: 4 bytes more a block of 64 KiB at the least, and a frame's head and foot.
      try refuse(
        (0...section.size + section.size / 255 + 64).contains(section.wireSize),
        "sections: \(section.tag) has a wireSize of \(section.wireSize)")
    }
  }
}
