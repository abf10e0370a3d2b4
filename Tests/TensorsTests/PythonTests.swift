import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import Tensors

/// Files of the real writers, and ours read by the real readers. Skipped, and said so, where Python lacks them.
struct PythonTests {
  private let folder = TemporaryFolder()

  /// Runs a script in the folder; its exit code.
  private static func python(_ script: String, in folder: String) -> Int32 {
    let command = ["sh", "-c", "cd \"$1\" && exec python3 -c \"$2\" >python.log 2>&1", "sh", folder, script]
    var arguments = command.map { strdup($0) } + [nil]
    defer { arguments.forEach { free($0) } }
    var process: pid_t = 0
    guard posix_spawnp(&process, "sh", nil, nil, &arguments, environ) == 0 else { return -1 }
    var status: Int32 = 0
    waitpid(process, &status, 0)
    return status >> 8
  }

  private static func has(_ module: String) -> Bool {
    let folder = TemporaryFolder()
    return withExtendedLifetime(folder) { python("import \(module)", in: folder.path) == 0 }
  }
  static let hasNumpy = has("numpy")
  static let hasSafetensors = hasNumpy && has("safetensors.numpy")

  private func run(_ script: String) -> Bool { Self.python(script, in: folder.path) == 0 }
  private func said() -> String {
    (try? String(contentsOf: URL(filePath: folder.file("python.log")), encoding: .utf8)) ?? ""
  }

  @Test(.enabled(if: hasNumpy, "python3 has no numpy"))
  func `what numpy writes is read`() throws {
    let script = """
      import numpy as np
      x = (np.arange(60, dtype=np.float32).reshape(12, 5) - 30) / 8
      np.save('f4.npy', x); np.save('f2.npy', x.astype(np.float16)); np.save('i8.npy', np.arange(7))
      np.save('i4.npy', np.arange(6, dtype=np.int32).reshape(2, 3)); np.save('none.npy', x[:0])
      for v in (1, 0), (2, 0), (3, 0):
        with open(f'v{v[0]}.npy', 'wb') as f: np.lib.format.write_array(f, x, version=v)
      np.save('order.npy', np.asfortranarray(x)); np.save('f8.npy', x.astype(np.float64)); np.save('big.npy', x.astype('>f4'))
      np.save('object.npy', np.array([x, None], dtype=object), allow_pickle=True); np.save('text.npy', np.array(['a', 'bc']))
      np.save('struct.npy', np.zeros(3, dtype=[('a', 'f4'), ('b', 'i8')])); np.savez('x.npz', x=x)
      y = x.copy(); y[7, 3] = np.nan; np.save('nan.npy', y)
      """
    #expect(run(script), "\(said())")
    let expected = (0..<60).map { (Float($0) - 30) / 8 }
    for name in ["f4.npy", "f2.npy", "v1.npy", "v2.npy", "v3.npy"] {
      let matrix = try Matrix(TensorSource(folder.file(name)))
      #expect(matrix.rows == 12 && matrix.columns == 5 && matrix.values == expected, "\(name)")
    }
    #expect(try Matrix(TensorSource(folder.file("none.npy"))).rows == 0)
    #expect(try IntegerMatrix(TensorSource(folder.file("i8.npy")))[6, 0] == 6)
    #expect(try IntegerMatrix(TensorSource(folder.file("i4.npy")))[1, 2] == 5)
    for (name, fix) in [
      ("order", "ascontiguousarray"), ("f8", "astype('float32')"), ("big", "newbyteorder"), ("object", "pickle"),
      ("text", "strings"), ("struct", "structured"), ("nan", "row 7, column 3"),
    ] {
      do throws(TensorError) {
        _ = try Matrix(TensorSource(folder.file(name + ".npy")))
        Issue.record("\(name) was read")
      } catch { #expect(error.detail.contains(fix), "\(error)") }
    }
    #expect(throws: TensorError.self) { try TensorFile(path: folder.file("x.npz")) }
  }

  @Test(.enabled(if: hasNumpy, "python3 has no numpy"))
  func `numpy reads what is written here`() throws {
    let values: [Float] = [1, 2, 3, 4, 5, 6]
    try NPYWriter.write(values.span, columns: 3, path: folder.file("x.npy"))
    try NPYWriter.write([7, 8] as [Int64], type: .i64, shape: [2], path: folder.file("i.npy"))
    let script = """
      import numpy as np
      x = np.load('x.npy'); i = np.load('i.npy')
      assert x.dtype == np.float32 and (x == [[1, 2, 3], [4, 5, 6]]).all() and (i == [7, 8]).all()
      """
    #expect(run(script), "\(said())")
  }

  @Test(.enabled(if: hasSafetensors, "python3 has no safetensors"))
  func `safetensors of Python are read, and ours by Python`() throws {
    let script = """
      import numpy as np
      from safetensors.numpy import save_file, load_file
      x = (np.arange(60, dtype=np.float32).reshape(12, 5) - 30) / 8
      save_file({'x': x, 'h': x.astype(np.float16), 'ids': np.arange(12), 'b': np.zeros(3, np.uint8)}, 'x.safetensors', {'a': 'b'})
      """
    #expect(run(script), "\(said())")
    let file = try TensorFile(path: folder.file("x.safetensors"))
    for name in ["x", "h"] { #expect(try Matrix(file.tensor(name)).values == (0..<60).map { (Float($0) - 30) / 8 }) }
    #expect(try Identifiers(file, name: "ids")[11] == "11")
    var writer = SafetensorsWriter()
    writer.add("x \"y\"", type: .f32, shape: [1, 2], [1, 2] as [Float])
    writer.add("i", type: .i64, shape: [1], [9] as [Int64])
    try writer.write(path: folder.file("ours.safetensors"))
    let check = """
      from safetensors.numpy import load_file
      x = load_file('ours.safetensors'); assert (x['x "y"'] == [[1, 2]]).all() and (x['i'] == [9]).all()
      """
    #expect(run(check), "\(said())")
  }
}
