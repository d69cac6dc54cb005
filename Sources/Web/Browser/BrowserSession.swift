import XML
import XMPP
import XMPPServer

/// A signed-in browser.
struct BrowserSession: Sendable {
    /// The account.
    let account: JID
    /// The key that verified the password: with another password, or another account of the same name, the session is
    /// over.
    let credential: [UInt8]
    let signedInAt: Timestamp

    /// How long a sign-in lasts.
    static let lifetime = Duration.seconds(12 * 3600)

    func isOpen(_ now: Timestamp) -> Bool {
        now.milliseconds - signedInAt.milliseconds < Int64(Self.lifetime / .milliseconds(1))
    }
}

extension BrowserSession: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:browser-session"

    init?(stored element: Element) {
        guard element.isNamed("session", Self.namespace), let account = element["account"].flatMap({ JID($0) }),
            let credential = element["credential"].flatMap({ Base64.decode($0) }),
            let signedInAt = element["signed-in"].flatMap({ Timestamp($0) })
        else { return nil }
        self.init(account: account, credential: credential, signedInAt: signedInAt)
    }

    func write(to writer: inout XMLWriter) {
        writer.element(
            "session", Self.namespace,
            [
                "account": account.string, "credential": Base64.encode(credential), "signed-in": signedInAt.xep0082,
            ])
    }
}
