/// How a repository beyond this machine is talked to. Milliseconds, bytes, bytes a second.
public struct RepositorySettings: Sendable {
  public var requestTimeoutMilliseconds, stallTimeoutMilliseconds: Int
  public var rateBytesMin: Int
  /// 0 for any.
  public var rateBytesMax: Int
  public var tokenFile, certificatesFile: String?

  init(_ read: SettingsReader) {
    requestTimeoutMilliseconds = read.milliseconds("snapshots.requestTimeout")
    stallTimeoutMilliseconds = read.milliseconds("snapshots.stallTimeout")
    rateBytesMin = read.bytes("snapshots.rateMin")
    rateBytesMax = read.bytes("snapshots.rateMax")
    tokenFile = read.optionalText("snapshots.tokenFile")
    certificatesFile = read.optionalText("snapshots.certificatesFile")
  }
}

extension ConfigKey {
  /// Keys of repositories on web servers and in buckets. A bucket's credentials come from the environment, under the
  /// names that AWS's own tools read.
  static let repositoryKeys: [ConfigKey] = [
    .init(
      path: "snapshots.requestTimeout", form: .duration(.milliseconds(100)...(.seconds(300))), fallback: "10s",
      effect: "Longest wait for a connection to a remote repository, and for the whole of a small file.",
      needsRestart: true),
    .init(
      path: "snapshots.rateMax", form: .bytes(0...(64 << 30)), fallback: "0B",
      effect: "Bytes a second that pulling may take of the network; 0 for any.", needsRestart: true),
    .init(
      path: "snapshots.rateMin", form: .bytes(1...(1 << 30)), fallback: "1KiB",
      effect: "Bytes a second below which a transfer counts as stalled.", needsRestart: true),
    .init(
      path: "snapshots.stallTimeout", form: .duration(.seconds(1)...(.seconds(600))), fallback: "15s",
      effect: "How long a transfer may be stalled; then it is taken up over another connection where it was.",
      needsRestart: true),
    .init(
      path: "snapshots.tokenFile", form: .text, fallback: "",
      effect: "File with the bearer token that requests to an http(s) repository carry.", needsRestart: true),
    .init(
      path: "snapshots.certificatesFile", form: .text, fallback: "",
      effect: "Certificates (PEM) that an https repository's is checked against, in place of the system's.",
      needsRestart: true),
  ]
}
