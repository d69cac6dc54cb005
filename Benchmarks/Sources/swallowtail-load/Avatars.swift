import ArgumentParser
import Crypto

/// Accounts that publish an avatar (XEP-0084).
struct Avatars: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Accounts publish avatars.", discussion: "An operation is an avatar, its image and its description.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var options: RunOptions
    @Option(help: "Accounts.") var users = 200
    @Option(help: "Bytes of an image.") var bytes = 4096

    func run() throws {
        let run = try Run(target.target(), options, firstUser: target.first)
        let work = AvatarWork(run, bytes: bytes)
        run.fleet.work = work
        run.signIn(users)
        let begin = run.reading()
        run.fleet.onLoop { for client in run.fleet.clients { client.map(work.publish) } }
        let users = users
        guard run.fleet.wait(seconds: options.timeout, until: { _ in work.answers == 2 * users }) else {
            fail("not all were published within \(Int(options.timeout)) s")
        }
        let end = run.reading()
        run.finish([run.outcome("avatars", from: begin, to: end, operations: users, lost: 0)])
    }
}

final class AvatarWork: Work, @unchecked Sendable {
    static let metadata = "urn:xmpp:avatar:metadata"
    private static let data = "urn:xmpp:avatar:data"

    private unowned let run: Run
    private let bytes: Int
    private(set) var answers = 0

    init(_ run: Run, bytes: Int) {
        self.run = run
        self.bytes = bytes
    }

    func publish(by client: Client) {
        let image = self.image(of: client.user)
        let id = Insecure.SHA1.hash(data: image).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        client.write(
            PubSubRequest.publish(
                id, "<data xmlns='\(Self.data)'>\(Base64Text.encode(image))</data>", to: Self.data, at: nil, id: "image"
            )
                + PubSubRequest.publish(
                    id,
                    "<metadata xmlns='\(Self.metadata)'><info id='\(id)' type='image/png' bytes='\(image.count)' "
                        + "width='64' height='64'/></metadata>", to: Self.metadata, at: nil, id: "description"))
    }

    /// What begins as an image of 64 by 64 pixels does, another one for each.
    private func image(of user: Int) -> [UInt8] {
        let head: [UInt8] = [
            0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 64, 0, 0, 0,
            64, 8,
            2, 0, 0, 0,
        ]
        var state = UInt64(user)
        return head
            + (head.count..<max(bytes, head.count + 8)).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            }
    }

    func received(_ stanza: ReceivedStanza, by client: Client) {
        guard stanza.isNamed("iq"), stanza.attribute("id", is: "image") || stanza.attribute("id", is: "description")
        else { return client.answer(stanza) }
        answers += 1
        guard stanza.attribute("type", is: "error") else { return }
        run.tally.errors += 1
        run.fleet.complain(stanza.excerpt)
    }
}
