/// What a server has done since it began.
public struct ServerCounts: Sendable, Equatable {
  public var connections: UInt64 = 0
  public var connectionsRefused: UInt64 = 0
  public var connectionsTimedOut: UInt64 = 0
  public var sentBytes: UInt64 = 0
  public var receivedBytes: UInt64 = 0
  public var blobsStored: UInt64 = 0
  public var blobsLinked: UInt64 = 0
  public var versionsCommitted: UInt64 = 0
  public var uploadsRefused: UInt64 = 0
  /// Answers by status.
  public var answers: [Int: UInt64] = [:]

  /// Each counter with its name in the metrics and a sentence.
  public static var described: [(name: String, sentence: String, path: any KeyPath<ServerCounts, UInt64> & Sendable)] {
    [
      ("repository_connections_total", "Connections that were accepted.", \.connections),
      (
        "repository_connections_refused_total", "Connections closed at once: as many as allowed were open.",
        \.connectionsRefused
      ),
      (
        "repository_connections_timed_out_total", "Connections closed because the client was silent or too slow.",
        \.connectionsTimedOut
      ),
      ("repository_sent_bytes_total", "Bytes of content handed to the kernel for clients.", \.sentBytes),
      ("repository_received_bytes_total", "Bytes of content received from publishers.", \.receivedBytes),
      ("repository_blobs_stored_total", "Blobs that publishers sent and that were stored.", \.blobsStored),
      ("repository_blobs_linked_total", "Blobs taken over from another version without being sent.", \.blobsLinked),
      ("repository_versions_committed_total", "Versions whose manifest was taken in over HTTP.", \.versionsCommitted),
      ("repository_uploads_refused_total", "Uploads that were refused, for whatever reason.", \.uploadsRefused),
    ]
  }
}
