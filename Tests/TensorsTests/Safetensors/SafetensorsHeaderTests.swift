import TestSupport
import Testing

@testable import Tensors

struct SafetensorsHeaderTests {
  private typealias T = TensorBytes

  @Test func `tensors lie where the header says`() throws {
    let json =
      "{\(T.member("b", "F32", [1, 2], 8, 16)),\"__metadata__\":{\"made by\":\"us\"},\(T.member("a", "I64", [], 0, 8))}"
    let bytes = T.safetensors(json, [UInt8](repeating: 0, count: 16))
    let (format, entries) = try TensorFile.read(bytes.span.bytes, "x")
    #expect(format == .safetensors)
    #expect(entries.map(\.name) == ["a", "b"] && entries.map(\.shape) == [[], [1, 2]])
    #expect(entries[0].offset == 8 + json.utf8.count && entries[1].offset == 16 + json.utf8.count)
  }

  @Test func `blanks before and after the JSON, and tensors without elements, are fine`() {
    let json = " \n{\(T.member("a", "F32", [0, 128], 0, 0)),\(T.member("b", "F32", [1], 0, 4))}      "
    #expect(T.fault(T.safetensors(json, [0, 0, 0, 0])) == nil)
    #expect(T.fault(T.safetensors("{}")) == nil, "a file of no tensors")
  }

  @Test func `every type that the format has is known, so that others may lie beside ours`() {
    for type in TensorType.allCases {
      let bytes = 8 * type.bits / 8
      #expect(
        T.fault(T.safetensors("{\(T.member("a", type.rawValue, [8], 0, bytes))}", [UInt8](repeating: 0, count: bytes)))
          == nil)
    }
  }

  @Test(arguments: [
    ("[]", "no object"), ("{", "header of 1 bytes"), ("{ ", "no JSON"), ("{} {}", "no JSON"), ("{}\0", "no JSON"),
    ("\"a\"", "no object"), ("12", "no object"),
    (#"{"a":1}"#, "exactly dtype"), (#"{"a":{}}"#, "exactly dtype"),
    (#"{"a":{"dtype":"F32","shape":[1]}}"#, "exactly dtype"),
    (#"{"a":{"dtype":"F32","shape":[1],"shape":[1]}}"#, "exactly dtype"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}"#, "exactly dtype"),
    (#"{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}"#, "does not know"),
    (#"{"a":{"dtype":32,"shape":[1],"data_offsets":[0,4]}}"#, "does not know"),
    (#"{"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}"#, "no list of sides"),
    (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, "no list of sides"),
    (#"{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}"#, "no list of sides"),
    (#"{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}"#, "no list of sides"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#, "no beginning and end"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#, "no beginning and end"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, "no beginning and end"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#, "no beginning and end"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}}"#, "no beginning and end"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, "4 bytes where (2,) of F32 are 8"),
    (#"{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,0]}}"#, "half bytes"),
    (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#, "more elements than can be"),
    (#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[9223372036854775807,9223372036854775807]}}"#, "beyond any file"),
    (#"{"__metadata__":[]}"#, "not texts by name"), (#"{"__metadata__":{"a":1}}"#, "not texts by name"),
    (#"{"__metadata__":{},"__metadata__":{}}"#, "twice"),
  ])
  func `a malformed header is refused`(json: String, detail: String) {
    let error = T.fault(T.safetensors(json, [0, 0, 0, 0]))
    #expect(
      error?.code == .malformed && error?.detail.contains(detail) == true, "\(json): \(String(describing: error))")
  }

  @Test func `holes, overlaps, twins and bytes left over are refused`() {
    func fault(_ members: [String], bytes: Int) -> String {
      T.fault(T.safetensors("{\(members.joined(separator: ","))}", [UInt8](repeating: 0, count: bytes)))?.detail ?? ""
    }
    let a = T.member("a", "F32", [1], 0, 4)
    #expect(fault([T.member("a", "F32", [1], 4, 8)], bytes: 8).contains("hole of 4 bytes"))
    #expect(fault([a, T.member("b", "F32", [1], 8, 12)], bytes: 12).contains("hole of 4 bytes"))
    #expect(fault([a, T.member("b", "F32", [1], 2, 6)], bytes: 6).contains("overlaps"))
    #expect(fault([a, T.member("b", "F32", [1], 0, 4)], bytes: 4).contains("overlaps"))
    #expect(fault([a, a], bytes: 4).contains("twice"))
    #expect(fault([a], bytes: 5).contains("goes on for 1 bytes"))
    #expect(fault([a], bytes: 3).contains("cut short"))
    #expect(fault([], bytes: 1).contains("goes on for 1 bytes"))
  }

  @Test func `more tensors than any file of vectors has are refused`() {
    let members = (0..<4098).map { T.member("t\($0)", "F32", [0], 0, 0) }
    #expect(T.fault(T.safetensors("{\(members.joined(separator: ","))}"))?.code == .unsupported)
    #expect(T.fault(T.safetensors("{\(members.prefix(4096).joined(separator: ","))}")) == nil)
  }

  @Test func `a header of hostile depth is refused`() {
    let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
    #expect(T.fault(T.safetensors("{\"a\":\(deep)}"))?.code == .malformed)
  }

  @Test func `a file cut short at any byte is refused`() {
    let bytes = T.safetensors("{\(T.member("a", "F32", [2, 3], 0, 24))}", T.floats)
    for count in 1..<bytes.count {
      #expect(T.fault(Array(bytes[..<count]))?.code == .malformed, "\(count) bytes")
    }
  }

  @Test func `a length of more than the format allows is no safetensors file at all`() {
    for length in [UInt64.max, 1 << 63, 100_000_001] {
      let bytes = withUnsafeBytes(of: length.littleEndian) { Array($0) } + [UInt8](repeating: 0x20, count: 64)
      #expect(T.fault(bytes)?.code == .unknownFormat)
    }
    let most = withUnsafeBytes(of: UInt64(100_000_000).littleEndian) { Array($0) } + [0x7B, 0x7D]
    #expect(T.fault(most)?.code == .malformed)
  }
}
