import TestSupport
import Testing

@testable import Tensors

struct TensorFileTests {
  private typealias T = TensorBytes
  private let folder = TemporaryFolder()

  private func error(_ body: () throws(TensorError) -> Void) -> TensorError? {
    do throws(TensorError) { try body() } catch { return error }
    return nil
  }

  @Test func `a source names a file, or a tensor of one`() {
    #expect(TensorSource("x.npy") == TensorSource(path: "x.npy"))
    #expect(TensorSource("a:b/x.npy") == TensorSource(path: "a:b/x.npy"))
    #expect(TensorSource("x.safetensors") == TensorSource(path: "x.safetensors"))
    #expect(TensorSource("x.safetensors:item.vectors") == TensorSource(path: "x.safetensors", tensor: "item.vectors"))
    #expect(
      TensorSource("a.safetensors:b/x.safetensors:t")
        == TensorSource(path: "a.safetensors:b/x.safetensors", tensor: "t"))
    #expect(TensorSource("x.safetensors:t").description == "x.safetensors:t")
  }

  @Test func `what is no tensor file is refused`() {
    for text in ["id,title\n1,Owls\n", "{\"a\": 1, \"b\": 2}", "NUMPY not quite"] {
      #expect(
        error { () throws(TensorError) in _ = try TensorFile(path: folder.write(text, to: "x")) }?.code
          == .unknownFormat)
    }
    let archive = folder.put([0x50, 0x4B, 3, 4] + [UInt8](repeating: 7, count: 60), "x.npz")
    #expect(error { () throws(TensorError) in _ = try TensorFile(path: archive) }?.detail.contains("archive") == true)
  }

  @Test func `a file that is missing, empty or a folder is refused`() {
    #expect(error { () throws(TensorError) in _ = try TensorFile(path: folder.file("no")) }?.code == .unreadable)
    #expect(error { () throws(TensorError) in _ = try TensorFile(path: folder.path) }?.code == .unreadable)
    #expect(
      error { () throws(TensorError) in _ = try TensorFile(path: folder.write("", to: "empty")) }?.code == .malformed)
  }

  @Test func `a tensor that is not there is refused with those that are`() throws {
    let json = "{\(T.member("items", "F32", [1], 0, 4)),\(T.member("users", "F32", [1], 4, 8))}"
    let file = try TensorFile(path: folder.put(T.safetensors(json, [UInt8](repeating: 0, count: 8)), "x.safetensors"))
    #expect(try file.tensor("users").name == "users")
    #expect(
      error { () throws(TensorError) in _ = try file.tensor("item") }?.detail
        == "is not in the file, which has \"items\", \"users\"")
    let unnamed = error { () throws(TensorError) in _ = try file.tensor() }
    #expect(unnamed?.detail == "has \"items\", \"users\": name one, as \(file.path):NAME")
  }

  @Test func `a tensor keeps its file mapped`() throws {
    func read() throws -> Matrix { try Matrix(TensorSource(folder.put(T.npy(T.literal(), T.floats), "x.npy"))) }
    #expect(try read().values == [1, 2, 3, 4, 5, 6])
  }

  @Test func `a hostile name cannot move the cursor of a terminal`() {
    let text = TensorError(.malformed, "x", file: "f", tensor: "a\u{1B}[2Jb\u{7}" + String(repeating: "n", count: 200))
      .description
    #expect(!text.unicodeScalars.contains { $0.value < 0x20 } && text.count < 120, "\(text)")
  }
}
