internal import Glibc
internal import Snapshots

/// Changes to the disk, with their errors in this module's words.
func onDisk<Result>(_ body: () throws(DiskError) -> Result) throws(PublishError) -> Result {
  do { return try body() } catch { throw PublishError(error) }
}

func onSnapshot<Result: ~Copyable>(_ body: () throws(SnapshotError) -> Result) throws(PublishError) -> Result {
  do { return try body() } catch { throw PublishError(error) }
}

/// Writes a small file whole and durably, or not at all.
func write(_ bytes: [UInt8], to path: String, disk: Disk) throws(PublishError) {
  try onDisk { () throws(DiskError) in
    let file = try TemporaryFile(target: path, disk: disk)
    try file.append(bytes.span.bytes)
    try file.seal()
  }
}

/// Unix seconds.
func unixTime() -> Int { time(nil) }
