import FoundationEssentials

/// The workload files of the repository.
func shippedWorkloads(file: String = #filePath) -> [String] {
  let root = URL(filePath: file).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  let folder = root.appending(path: "LoadTests/Workloads").path
  let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  return names.filter { $0.hasSuffix(".yaml") }.sorted().map { folder + "/" + $0 }
}
