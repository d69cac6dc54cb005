/// A page with one form that asks before something that cannot be undone.
struct Confirmation {
    let title: String
    let text: String
    /// The target of the form.
    let action: String
    let fields: [(name: String, value: String)]
    var isMultipart = false
    /// The label of the button.
    let button: String
    /// The target of the cancel link.
    let back: String

    var page: Page {
        Page(
            "confirmation", title: title,
            [
                "text": text, "action": action, "fields": fields.map { ["name": $0.name, "value": $0.value] },
                "isMultipart": isMultipart, "button": button, "back": back,
            ])
    }
}
