import Testing

@testable import XMPPModules

/// Which nicknames are the same.
@Suite struct RoomNicknameTests {
    @Test(arguments: [
        ("Romeo", "romeo"), ("Romeo", "Rоmeо"), ("Romeo", "Ｒｏｍｅｏ"), ("Paypal", "раураl"), ("Ro meo", "Romeo"),
        ("Romeo0", "Romeoo"), ("Bill", "BiIl"), ("Bill", "Bi1l"), ("Ｏscar", "0scar"), ("Καλός", "καλός"),
        ("e\u{301}va", "éva"), ("TOM", "ТОМ"), ("Kate", "КАТЕ"), ("Bob", "ВОВ"), ("HEKATE", "ΗΕΚΑΤΕ"), ("АННА", "Анна"),
        ("Bill", "𝐁𝐢𝐥𝐥"), ("Bill", "Ⓑill"), ("figaro", "ﬁgaro"), ("Bill", "Bill\u{2800}"),
    ])
    func lookAlikes(_ one: String, _ other: String) {
        #expect(RoomNickname.key(one) != nil)
        #expect(RoomNickname.key(one) == RoomNickname.key(other))
    }

    @Test(arguments: [("Romeo", "Juliet"), ("Вася", "Петя"), ("Anna", "Hanna"), ("🦋", "🐛")])
    func others(_ one: String, _ other: String) {
        #expect(RoomNickname.key(one) != nil)
        #expect(RoomNickname.key(one) != RoomNickname.key(other))
    }

    @Test func nobodyIsCalledThat() {
        #expect(RoomNickname.key("") == nil)
        #expect(RoomNickname.key("  \u{2003}") == nil)
        #expect(RoomNickname.key(String(repeating: "x", count: 129)) == nil)
        #expect(RoomNickname.key(String(repeating: "x", count: 128)) != nil)
    }
}
