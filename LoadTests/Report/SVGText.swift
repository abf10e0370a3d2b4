// Elements of SVG as text.

func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
  #"<path class="\#(style)" d="M\#(number(x1)) \#(number(y1))L\#(number(x2)) \#(number(y2))"/>"# + "\n"
}

func text(_ x: Double, _ y: Double, _ text: String, _ style: String) -> String {
  #"<text x="\#(number(x))" y="\#(number(y))" class="\#(style)">\#(escaped(text))</text>"# + "\n"
}

/// Tenths of a unit are finer than a screen.
func number(_ value: Double) -> String {
  let tenths = Int((value * 10).rounded())
  return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
}
