import NIOCore

@testable import XML

/// What must hold for any bytes at all.
enum ParserCheck {
    /// What does not hold for `bytes`; nil if all is well.
    static func complaint(_ bytes: [UInt8]) -> String? {
        let header = Array("<s xmlns='jabber:client' xmlns:p='urn:p'>".utf8)
        return split(bytes) ?? split(header + bytes) ?? document(bytes)
    }

    /// However a stream is cut, the parser must say the same at a cost that is linear.
    private static func split(_ bytes: [UInt8]) -> String? {
        let limits = XMLLimits(stanzaBytes: 2_000, depth: 8, attributes: 16, namespaces: 8, nameBytes: 16)
        for limits in [XMLLimits(), limits] {
            let whole = Transcript(stream: [bytes], limits: limits)
            for size in [1, 7] {
                let pieces = Transcript(stream: bytes.pieces(of: size), limits: limits)
                guard pieces == whole else { return "In pieces of \(size): \(pieces), but whole: \(whole)" }
                guard pieces.steps < bytes.count * 100 + 1_000 else { return "\(pieces.steps) steps" }
            }
        }
        return nil
    }

    /// A document that is accepted must be accepted by expat, and mean the same to it and where it is written.
    private static func document(_ bytes: [UInt8]) -> String? {
        let element: Element
        do throws(XMLError) {
            element = try Element(parsing: ByteBuffer(bytes: bytes))
        } catch {
            return nil
        }
        let tree = Tree(element)
        // In names expat goes by an older edition of XML.
        if tree.hasPlainNames, !bytes.hasNonASCIINames, let other = difference(tree, Expat.tree(bytes)) {
            return "Expat: \(other)"
        }
        guard element.isEquivalent(to: element.detached()) else { return "Not equivalent to its copy" }
        for content in [Namespace.client, .none] {
            var writer = XMLWriter(contentNamespace: content)
            writer.copy(element)
            if let other = difference(tree, writer.finish(), content) { return "Copied: \(other)" }
            writer = XMLWriter(contentNamespace: content)
            writer.normalise(element, root: nil)
            if let other = difference(tree, writer.finish(), content) { return "Normalised: \(other)" }
            writer = XMLWriter(contentNamespace: content)
            writer.stanza(element, from: "a<", to: "b\"", lang: "c")
            var addressed = tree
            addressed.attributes["{}from"] = "a<"
            addressed.attributes["{}to"] = "b\""
            let lang = "{\(Namespace.xml.name)}lang"
            addressed.attributes[lang] = tree.attributes[lang] ?? "c"
            if let other = difference(addressed, writer.finish(), content) { return "Passed on: \(other)" }
        }
        return nil
    }

    private static func difference(_ tree: Tree, _ other: Tree?) -> String? {
        tree == other ? nil : "\(tree) and \(other?.description ?? "nothing")"
    }

    private static func difference(_ tree: Tree, _ written: ByteBuffer, _ content: Namespace) -> String? {
        let limits = XMLLimits(stanzaBytes: 10_000_000, namespaces: 1_000, nameBytes: 2_000)
        let element = try? Element(parsing: written, limits: limits, contentNamespace: content)
        return difference(tree, element.map(Tree.init)).map { "\($0) of \(String(buffer: written))" }
    }
}

extension Tree {
    /// Whether no name has a character outside ASCII.
    fileprivate var hasPlainNames: Bool {
        // Without recursion, as it is fuzzed.
        var trees = [self]
        while let tree = trees.popLast() {
            guard tree.name.utf8.allSatisfy({ $0 < 0x80 }),
                tree.attributes.keys.allSatisfy({ $0.utf8.allSatisfy { $0 < 0x80 } })
            else { return false }
            for case .element(let child) in tree.content { trees.append(child) }
        }
        return true
    }
}

extension [UInt8] {
    /// Whether a byte outside ASCII stands in a tag, where it may belong to a prefix.
    fileprivate var hasNonASCIINames: Bool {
        var isInTag = false
        for byte in self {
            if byte == UInt8(ascii: "<") { isInTag = true }
            if byte == UInt8(ascii: ">") { isInTag = false }
            if isInTag, byte >= 0x80 { return true }
        }
        return false
    }
}
