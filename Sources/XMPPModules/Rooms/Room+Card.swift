import Crypto
import XMPPServer

/// A room's card (XEP-0054) with its picture. What service discovery says of the room has the picture's hash (XEP-0486).
extension Room {
    private static let maximumCardBytes = 256 << 10
    /// Pictures whose hashes are told: they are to be the same one in several formats.
    private static let maximumPictures = 4

    private var cards: KeyedStore<StoredElement> { KeyedStore(PersonalData.cardStore, in: host.storage) }

    /// Answers those who may know of the room.
    func card(for person: JID) -> Reply {
        guard exists, !record.isLocked, affiliation(of: person) != .outcast else { return .error(.itemNotFound) }
        guard record.card != nil else { return .result { $0.element("vCard", .vCard) } }
        return .async { [cards, host, address] in
            do throws(StorageError) {
                await host.storage.flush()
                let card = try await cards.get(address)
                return .result { writer in
                    if let card { card.write(to: &writer) } else { writer.element("vCard", .vCard) }
                }
            } catch {
                return .error(host.report(error))
            }
        }
    }

    /// An owner sets the card, or removes it with an empty one.
    func setCard(_ card: Element, by person: JID, _ answer: @escaping @Sendable (Reply) -> Void) {
        guard exists else { return answer(.error(.itemNotFound)) }
        guard affiliation(of: person) == .owner else { return answer(.error(.forbidden)) }
        guard card.byteCount <= Self.maximumCardBytes else { return answer(.error(.policyViolation)) }
        let isEmpty = card.firstChild == nil
        record.card = isEmpty ? nil : RoomRecord.Card(pictures: Self.pictures(in: card))
        let change =
            isEmpty ? cards.removing(address) : cards.putting(StoredElement(card.detached()), address)
        announce([104])
        commit([change, service.store.putting(record, address)]) { answer($0.map { .error($0) } ?? .ok) }
    }

    /// The hashes of a card's pictures, XEP-0153 §3.
    private static func pictures(in card: Element) -> [String] {
        let digits = Array("0123456789abcdef".utf8)
        let pictures = card.children.filter { $0.isNamed("PHOTO", .vCard) }.prefix(maximumPictures)
        return pictures.compactMap { child in
            guard let text = child.child("BINVAL", .vCard)?.text,
                let bytes = Base64.decode(text.filter { !$0.isWhitespace }), !bytes.isEmpty
            else { return nil }
            let hash = Insecure.SHA1.hash(data: bytes)
            return String(decoding: hash.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
        }
    }
}
