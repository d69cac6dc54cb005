/// Random numbers that are the same in every run.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func roll(_ sides: Int) -> Int {
        Int(next() % UInt64(sides))
    }

    mutating func pick<Value>(_ values: [Value]) -> Value {
        values[roll(values.count)]
    }
}

/// Makes well-formed documents of everything that XMPP allows.
struct DocumentGenerator {
    var dice: Dice
    private var text = ""

    init(seed: UInt64) {
        dice = Dice(seed: seed)
    }

    private static let names = ["a", "body", "x1", "q-u.e_ry", "\u{E9}t\u{E9}", "\u{4E2D}", "_", "iq"]
    private static let prefixes = ["p", "q", "stream", "xm", "n\u{E4}"]
    private static let namespaces = [
        "jabber:client", "urn:x", "urn:y", "http://etherx.jabber.org/streams", "a&amp;b", "\u{FC}", " ", "x&#58;y",
        "urn:a:rather:long:name:of:a:namespace",
    ]
    private static let characters = [
        "a", "b", " ", "\n", "\t", "\r\n", "\r", "]", "]]", "&gt;", "&lt;", "&amp;", "&apos;", "&quot;", "&#10;",
        "&#13;",
        "&#x9;", "&#xA0;", "&#x1F600;", "\u{E9}", "\u{20AC}", "\u{1F600}", "\u{7F}", "\u{85}", "\u{2028}", "=", "/",
        "eight by", "te words of text ",
    ]

    /// A document with a root that has no prefix from outside.
    mutating func document() -> String {
        text = dice.pick([
            "", "", "<?xml version='1.0'?>", "<?xml version=\"1.0\" encoding='utf-8' standalone=\"no\" ?>\n",
        ])
        element(depth: 1, prefixes: [])
        text += dice.pick(["", "\n", " "])
        return text
    }

    /// An element where `prefixes` are declared.
    mutating func element(prefixes: [String]) -> String {
        text = ""
        element(depth: 1, prefixes: prefixes)
        return text
    }

    private mutating func space(_ least: String = "") -> String {
        dice.roll(6) == 0 ? dice.pick([" ", "\n", "\t ", "\r\n"]) : least
    }

    private mutating func element(depth: Int, prefixes outer: [String]) {
        var prefixes = outer
        var attributes: [(name: String, value: String)] = []
        for _ in 0..<dice.pick([0, 0, 0, 1, 2]) {
            let prefix = dice.pick(Self.prefixes)
            guard !attributes.contains(where: { $0.name == "xmlns:\(prefix)" }) else { continue }
            attributes.append(("xmlns:\(prefix)", dice.pick(Self.namespaces)))
            prefixes.append(prefix)
        }
        if dice.roll(4) == 0 { attributes.append(("xmlns", dice.pick(Self.namespaces + [""]))) }
        for _ in 0..<dice.pick([0, 0, 1, 2, 5]) {
            let name = dice.pick(Self.names)
            guard !attributes.contains(where: { $0.name == name || $0.name.hasSuffix(":\(name)") }) else { continue }
            let isPrefixed = !prefixes.isEmpty && dice.roll(3) == 0
            attributes.append((isPrefixed ? "\(dice.pick(prefixes)):\(name)" : name, value()))
        }
        if dice.roll(8) == 0 { attributes.append(("xml:lang", "en")) }
        attributes.shuffle(using: &dice)

        let isPrefixed = !prefixes.isEmpty && dice.roll(3) == 0
        let name = (isPrefixed ? "\(dice.pick(prefixes)):" : "") + dice.pick(Self.names)
        text += "<\(name)"
        for (name, value) in attributes {
            let quote = value.contains("'") ? "\"" : value.contains("\"") ? "'" : dice.pick(["'", "\""])
            text += "\(space(" "))\(name)\(space())=\(space())\(quote)\(value)\(quote)"
        }
        text += space()
        let count = depth > 6 ? 0 : dice.pick([0, 0, 1, 2, 4])
        if count == 0, dice.roll(2) == 0 {
            text += "/>"
            return
        }
        text += ">"
        for _ in 0..<count { content(depth: depth, prefixes: prefixes) }
        text += "</\(name)\(space())>"
    }

    private mutating func content(depth: Int, prefixes: [String]) {
        switch dice.roll(5) {
        case 0, 1: element(depth: depth + 1, prefixes: prefixes)
        case 2: text += "<![CDATA[\(dice.pick(["", "<&>", "]]", "a]>b", "\r\n", "\u{20AC}", "&amp;", "]"]))]]>"
        default:
            for _ in 0..<dice.pick([1, 3, 12]) {
                let next = dice.pick(Self.characters)
                text += next
                // `]]>` cannot come about, as `>` is never written as such.
            }
        }
    }

    private mutating func value() -> String {
        (0..<dice.pick([0, 1, 2, 10])).map { _ in dice.pick(Self.characters) }.joined()
    }
}

/// Breaks documents in ways that parsers might overlook.
struct Mutator {
    var dice: Dice

    private static let snippets: [[UInt8]] =
        [
            "<", ">", "/>", "</", "&", ";", "'", "\"", "=", ":", " ", "\n", "\r", "]]>", "<![CDATA[", "<!--", "<?",
            "<!DOCTYPE a>",
            "&#0;", "&#xD800;", "&#xFFFE;", "&#x110000;", "&nbsp;", "&#38;", "&lt;", "xmlns='u'", " xmlns:p='urn:y'",
            " xmlns:p=''",
            " p:a='1'", " q:a='1'", " a='1'", "p:", "xml:", "xmlns:", "<a>", "</a>", "<a/>", "1", "-", "\u{FEFF}",
            "\u{FFFE}",
            "\u{FFFF}", "\u{B7}", "\u{D7}", "\u{85}",
        ].map { Array($0.utf8) } + [
            [0], [1], [0x0B], [0x1F], [0x7F], [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80],
            [0xED, 0xA0, 0x80],
            [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5], [0xFF], [0xC3], [0xE2, 0x82],
            [0xF0, 0x9F, 0x98],
        ]

    mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<dice.pick([1, 1, 2, 4]) {
            let start = dice.roll(bytes.count + 1)
            let end = min(bytes.count, start + dice.pick([0, 0, 1, 1, 2, 7]))
            switch dice.roll(4) {
            case 0: bytes.removeSubrange(start..<end)
            case 1: bytes.replaceSubrange(start..<end, with: dice.pick(Self.snippets))
            case 2: bytes.insert(contentsOf: dice.pick(Self.snippets), at: start)
            default:
                let source = dice.roll(bytes.count + 1)
                let slice = bytes[source..<min(bytes.count, source + dice.roll(20))]
                bytes.insert(contentsOf: slice, at: start)
            }
        }
        return bytes
    }
}
