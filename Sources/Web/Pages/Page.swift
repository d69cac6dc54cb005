import Hummingbird
import Mustache
import NIOCore
import XMPPServer

/// A page that is made from a template: what it shows, and where it may lead.
struct Page: Sendable {
    /// The name of its template.
    let template: String
    /// What stands above it and in the browser's title.
    let title: String
    /// What the template shows. Its texts are escaped.
    var content: [String: any Sendable]
    var status: HTTPResponse.Status = .ok
    var policy = ContentPolicy.page

    init(_ template: String, title: String, _ content: [String: any Sendable] = [:]) {
        self.template = template
        self.title = title
        self.content = content
    }

    /// A page that says one thing, such as what went wrong.
    static func notice(
        _ title: String, _ text: String, status: HTTPResponse.Status = .ok, link: (String, String)? = nil
    ) -> Page {
        var content: [String: any Sendable] = ["text": text]
        if let link { content["link"] = ["title": link.0, "path": link.1] }
        var page = Page("notice", title: title, content)
        page.status = status
        return page
    }

    /// The answer that shows the page to a visitor.
    func response(for visitor: Visitor, _ context: WebContext) async -> Response {
        var content = content
        content["title"] = title
        content["host"] = context.host.domain
        content["formKey"] = visitor.formKey(context.site)
        if let account = visitor.session?.account {
            let record = try? await context.host.accounts.load(account)
            let name = record?.account.displayName ?? ""
            content["person"] = name.isEmpty ? record?.account.accountID ?? account.string : name
            content["links"] = context.site.links.map { ["title": $0.title, "path": $0.path] }
        }
        let text = Templates.library.render(content, withTemplate: template) ?? ""
        var response = Response(
            status: status,
            headers: [.contentType: "text/html; charset=utf-8", .contentSecurityPolicy: policy.description],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        visitor.remember(in: &response, context)
        return response
    }
}

extension Response {
    /// Sends the browser on to another page, which it gets with GET.
    static func seeOther(_ location: String) -> Response {
        Response(status: .seeOther, headers: [.location: location])
    }
}
