/// Why a tensor file is refused, or could not be written: what is wrong, where, and what to do about it.
///
/// Nothing here is worth a retry on the same file.
public struct TensorError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Code: String, Sendable, CaseIterable {
    /// The file cannot be opened or mapped.
    case unreadable
    /// Neither .npy nor safetensors.
    case unknownFormat
    /// The bytes contradict the format or each other: damaged, cut short, or made by something else.
    case malformed
    /// Well formed, but of a kind that is not taken; the detail names the way out.
    case unsupported
    /// A tensor of that name is not in the file, or the name is needed.
    case noSuchTensor
    /// Not the number of dimensions, rows or columns that is wanted.
    case wrongShape
    /// A value is infinite or not a number.
    case notFinite
    /// An integer or an id is outside of what it may be.
    case outOfRange
    case cannotWrite
  }

  public let code: Code
  public let file: String
  /// The tensor, where the file has named ones.
  public let tensor: String?
  /// Bytes from the start of the file.
  public let offset: Int?
  /// What is wrong, as the end of a sentence.
  public let detail: String

  public init(_ code: Code, _ detail: String, file: String, tensor: String? = nil, offset: Int? = nil) {
    self.code = code
    self.detail = detail
    self.file = file
    self.tensor = tensor
    self.offset = offset
  }

  /// `items.safetensors, tensor "x", byte 128: …`
  public var description: String {
    let place = (tensor.map { ", tensor \(quoted($0))" } ?? "") + (offset.map { ", byte \($0)" } ?? "")
    return "\(file)\(place): \(detail)"
  }
}

/// A name out of a file as it may stand in a message: short, and nothing in it moves a terminal's cursor.
func quoted(_ name: some StringProtocol) -> String {
  let shown = name.unicodeScalars.prefix(quotedScalarsMax).map { scalar -> String in
    scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
      ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
  }
  return "\"" + shown.joined() + (name.unicodeScalars.count > quotedScalarsMax ? "…" : "") + "\""
}

/// Longer names say no more.
private let quotedScalarsMax = 80
