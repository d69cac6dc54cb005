import NIOCore
import Testing
import XML
import XMPP

@testable import XMPPModules

/// XEP-0492: what somebody wants to be notified of in a room.
@Suite struct RoomNotificationsTests {
    private func setting(_ notify: String) throws -> RoomNotifications? {
        let text = """
            <conference xmlns="urn:xmpp:bookmarks:1"><nick>Puck</nick><extensions>\
            <state xmlns="urn:example:state"/>\(notify)</extensions></conference>
            """
        return RoomNotifications(of: try Element(parsing: .init(string: text), contentNamespace: .client))
    }

    @Test func theMostPreciseSettingForAPhoneCounts() throws {
        let namespace = #"xmlns="urn:xmpp:notification-settings:0""#
        #expect(try setting("") == nil)
        #expect(try setting("<notify \(namespace)/>") == nil)
        #expect(try setting("<notify \(namespace)><never/></notify>") == .never)
        #expect(try setting("<notify \(namespace)><sometimes/></notify>") == nil)
        #expect(try setting("<notify xmlns=\"urn:example\"><never/></notify>") == nil)
        #expect(
            try setting(
                """
                <notify \(namespace)><never identity-category="client" identity-type="pc"/>\
                <on-mention identity-category="client"/><always/></notify>
                """) == .onMention)
        #expect(
            try setting(
                """
                <notify \(namespace)><always/><never identity-category="client"/>\
                <on-mention identity-category="client" identity-type="phone"/></notify>
                """) == .onMention)
    }

    @Test func aNicknameIsFoundAsAWord() {
        #expect(RoomNotifications.names("Puck", in: "puck: come here"))
        #expect(RoomNotifications.names("Puck", in: "Spucked! PUCK?"))
        #expect(RoomNotifications.names("José Ñ", in: "¿jOSÉ ñ?"))
        #expect(!RoomNotifications.names("Puck", in: "Puckish"))
        #expect(!RoomNotifications.names("Puck", in: "my_puck"))
        #expect(!RoomNotifications.names("", in: "anything"))
        #expect(!RoomNotifications.names("Puck", in: String(repeating: "x ", count: 2000) + "Puck"))
    }

    @Test func aNoteSaysWhatItSaid() throws {
        for (isMention, isPublic) in [(false, false), (true, false), (false, true), (true, true)] {
            var writer = XMLWriter(contentNamespace: .none)
            writer.element("message", .client) { RoomNote(isMention: isMention, isPublic: isPublic).write(to: &$0) }
            let note = try #require(RoomNote(in: Element(ownOutput: writer.finish())))
            #expect(note.isMention == isMention && note.isPublic == isPublic)
        }
        #expect(RoomNote(in: try Element(parsing: .init(string: "<message/>"), contentNamespace: .client)) == nil)
    }
}
