/// A .npy or a safetensors file, told apart by its first bytes; its structure checked, its tensors where they lie.
///
/// Shared freely; the mapping goes when the last tensor does.
public final class TensorFile: Sendable {
  public enum Format: String, Sendable { case npy, safetensors }

  public let format: Format
  /// In the order of the file; one without a name in a .npy.
  public let entries: [Entry]
  let mapped: MappedFile

  /// A tensor's place, checked: its bytes lie inside the file.
  public struct Entry: Sendable, Equatable {
    public let name: String
    public let type: TensorType
    public let shape: [Int]
    /// Bytes from the start of the file.
    let offset: Int
    let byteCount: Int
  }

  public var path: String { mapped.path }

  /// Opens, maps and checks. O(header); no element is looked at.
  public init(path: String) throws(TensorError) {
    let mapped = try MappedFile(path: path)
    (format, entries) = try Self.read(mapped.bytes, path)
    self.mapped = mapped
  }

  /// What a file of these bytes is. The one place that decides about the format.
  static func read(_ bytes: RawSpan, _ file: String) throws(TensorError) -> (Format, [Entry]) {
    if NPYHeader.begins(bytes) { return (.npy, [try NPYHeader.read(bytes, file)]) }
    // The length of a safetensors header ends in zero bytes; files of text and archives end up here with a better word.
    guard SafetensorsHeader.mayBegin(bytes) else {
      throw TensorError(.unknownFormat, unknown(bytes), file: file, offset: 0)
    }
    return (.safetensors, try SafetensorsHeader.read(bytes, file))
  }

  private static func unknown(_ bytes: RawSpan) -> String {
    let isArchive =
      bytes.byteCount >= 2 && bytes.unsafeLoad(as: UInt8.self) == 0x50
      && bytes.unsafeLoad(fromByteOffset: 1, as: UInt8.self) == 0x4B
    return isArchive
      ? "is an archive (.npz, .pt): save one array with numpy.save or safetensors" : "is neither .npy nor safetensors"
  }

  /// The tensor of that name; without a name, the only one there is.
  public func tensor(_ name: String? = nil) throws(TensorError) -> Tensor {
    if let name {
      guard let entry = entries.first(where: { $0.name == name }) else {
        throw TensorError(.noSuchTensor, "is not in the file, which has \(names)", file: path, tensor: name)
      }
      return Tensor(file: self, entry: entry)
    }
    guard entries.count == 1 else {
      throw TensorError(.noSuchTensor, "has \(names): name one, as \(path):NAME", file: path)
    }
    return Tensor(file: self, entry: entries[0])
  }

  var names: String {
    guard !entries.isEmpty else { return "no tensors" }
    let shown = entries.prefix(8).map { quoted($0.name) }.joined(separator: ", ")
    return entries.count > 8 ? "\(shown) and \(entries.count - 8) more" : shown
  }
}

/// One tensor, whose file it keeps mapped.
public struct Tensor: Sendable {
  let file: TensorFile
  let entry: TensorFile.Entry

  public var name: String { entry.name }
  public var type: TensorType { entry.type }
  /// Sides, outermost first; none for a scalar.
  public var shape: [Int] { entry.shape }
  public var count: Int { elementCount(shape) ?? 0 }
  public var path: String { file.path }

  /// Its elements, little endian, in C order, at any alignment.
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = RawSpan(_unsafeStart: base, byteCount: entry.byteCount)
      return _overrideLifetime(span, borrowing: self)
    }
  }

  var base: UnsafeRawPointer { file.mapped.base + entry.offset }

  /// The error about this tensor.
  public func invalid(_ code: TensorError.Code, _ detail: String) -> TensorError {
    TensorError(code, detail, file: path, tensor: file.format == .npy ? nil : name)
  }
}

/// Where a tensor is: `items.npy`, `items.safetensors`, or `items.safetensors:name`.
public struct TensorSource: Sendable, Equatable, CustomStringConvertible {
  public let path: String
  public let tensor: String?

  public init(path: String, tensor: String? = nil) {
    self.path = path
    self.tensor = tensor
  }

  /// A colon parts path and name behind `.safetensors`; any other belongs to the path.
  public init(_ text: String) {
    let mark = ".safetensors:"
    guard let range = text.ranges(of: mark).last else {
      self.init(path: text)
      return
    }
    let colon = text.index(before: range.upperBound)
    self.init(path: String(text[..<colon]), tensor: String(text[range.upperBound...]))
  }

  public var description: String { tensor.map { "\(path):\($0)" } ?? path }

  public func open() throws(TensorError) -> Tensor { try TensorFile(path: path).tensor(tensor) }
}
