import NIOCore
import XMPP

/// A posted form with a file, in the encoding `multipart/form-data` (RFC 7578).
struct MultipartForm {
    private var parts: [String: [UInt8]] = [:]

    private static let maximumCount = 20

    /// - Parameter contentType: the request's field, with the boundary.
    /// - Returns: nil if the body is no such form.
    init?(_ body: [UInt8], contentType: String) {
        guard let boundary = Self.boundary(contentType) else { return nil }
        let delimiter = Array("\r\n--\(boundary)".utf8)
        // The first boundary has no line before it.
        var rest = (Array("\r\n".utf8) + body)[...]
        guard let start = Self.find(delimiter, in: rest) else { return nil }
        rest = rest[(start + delimiter.count)...]
        while !rest.starts(with: "--".utf8) {
            guard rest.starts(with: "\r\n".utf8), parts.count < Self.maximumCount,
                let end = Self.find(delimiter, in: rest.dropFirst(2)),
                let headEnd = Self.find(Array("\r\n\r\n".utf8), in: rest), headEnd < end
            else { return nil }
            let head = String(decoding: rest[rest.startIndex..<headEnd], as: UTF8.self)
            if let name = Self.name(head) { parts[name] = Array(rest[(headEnd + 4)..<max(headEnd + 4, end)]) }
            rest = rest[(end + delimiter.count)...]
        }
    }

    subscript(_ name: String) -> [UInt8]? { parts[name] }

    /// The value of a text part.
    func text(_ name: String) -> String? { parts[name].flatMap { String(validating: $0, as: UTF8.self) } }

    private static func boundary(_ contentType: String) -> String? {
        guard contentType.lowercased().hasPrefix("multipart/form-data"),
            let equals = contentType.firstRange(of: "boundary=")
        else { return nil }
        let text = contentType[equals.upperBound...].prefix { $0 != ";" }
        let boundary = text.filter { $0 != "\"" }
        return boundary.isEmpty || boundary.utf8.count > 70 ? nil : boundary
    }

    private static func name(_ head: String) -> String? {
        for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix("content-disposition:") {
            guard let start = line.firstRange(of: "; name=\"") else { continue }
            return String(line[start.upperBound...].prefix { $0 != "\"" })
        }
        return nil
    }

    private static func find(_ pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard let first = pattern.first, bytes.count >= pattern.count else { return nil }
        var index = bytes.startIndex
        let last = bytes.endIndex - pattern.count
        while index <= last {
            if bytes[index] == first, bytes[index..<(index + pattern.count)].elementsEqual(pattern) { return index }
            index += 1
        }
        return nil
    }
}
