/// How a repository beyond this machine is talked to. A folder needs none of it.
public struct RepositoryAccess: Sendable {
  /// Longest wait for a connection, and for the whole of a small file.
  public var requestTimeoutMilliseconds = 10_000
  /// A transfer that has been slower than `rateBytesMin` a second for this long is broken off, and taken up again.
  public var stallTimeoutMilliseconds = 15_000
  public var rateBytesMin = 1024
  /// Bytes a second that a transfer may take; 0 for any.
  public var rateBytesMax = 0
  /// File with the bearer token of an HTTP repository, read anew for each connection's first request.
  public var tokenFile: String?
  /// Certificates to trust in place of the system's.
  public var certificatesFile: String?
  /// Of the process: what AWS's own tools read there (AWS_ACCESS_KEY_ID and the like), or as NAME_FILE a file's path.
  public var environment: [String: String] = [:]
  /// Asked some times a second; a transfer under way then ends in an error.
  public var isCancelled: @Sendable () -> Bool = { false }

  public init() {}
}

extension RepositoryLocation {
  /// Touches neither disk nor network.
  public func open(_ access: RepositoryAccess = RepositoryAccess()) throws(Mistake) -> any WritableRepository {
    switch self {
    case .folder(let path): FolderRepository(path: path)
    case .web(let address): RemoteRepository(WebRoot(address, access))
    case .bucket(let address): RemoteRepository(try Bucket(address, access))
    }
  }
}
