/// Scales a photo down before it is sent, if the browser runs scripts; without it the page reports photos that are too
/// large. The server does not decode images, which would expose a decoder to everybody's files.
enum PhotoScript {
    static let text = """
        const input = document.querySelector("#photo");
        const limit = Number(input.dataset.limit);
        const taken = ["image/png", "image/jpeg", "image/gif"];

        async function scaled(file) {
          const picture = await createImageBitmap(file);
          const canvas = document.createElement("canvas");
          for (let side = 512; side >= 64; side /= 2) {
            const scale = Math.min(1, side / Math.max(picture.width, picture.height));
            canvas.width = Math.max(1, Math.round(picture.width * scale));
            canvas.height = Math.max(1, Math.round(picture.height * scale));
            canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
            for (const quality of [0.9, 0.75, 0.6]) {
              const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
              if (blob && blob.size <= limit) return new File([blob], "photo.jpg", { type: blob.type });
            }
          }
          throw new Error("too large");
        }

        input.form.addEventListener("submit", async (event) => {
          const [file] = input.files;
          const { submitter } = event;
          if (!file || (file.size <= limit && taken.includes(file.type))) return;
          event.preventDefault();
          try {
            const files = new DataTransfer();
            files.items.add(await scaled(file));
            input.files = files.files;
          } catch {
            // It is not an image: the server reports that.
          }
          if (input.files[0].size > limit) {
            input.setCustomValidity("This is no picture, or too large.");
            input.reportValidity();
            input.addEventListener("change", () => input.setCustomValidity(""), { once: true });
            return;
          }
          input.form.requestSubmit(submitter);
        });

        document.querySelector("#photo-note").textContent = "Any picture. It is made smaller if it is large.";
        """
}
