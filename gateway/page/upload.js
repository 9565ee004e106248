/** Sends a file and says how far it is: `fetch` does not tell. */
import { ApiError, AWAY, messageOf } from './api.js';

/**
 * @param {File} file
 * @param {string} id of the session that is to be made of it
 * @param {(share: number) => void} progress 0 to 1
 * @returns {{ readonly sent: Promise<void>, readonly abort: () => void }}
 */
export function uploadFile(file, id, progress) {
  const request = new XMLHttpRequest();
  const query = new URLSearchParams({ session: id, filename: file.name.slice(0, 255) });
  const sent = /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      request.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 1);
      request.onload = () => {
        if (request.status === 202) resolve();
        else reject(new ApiError(request.status, messageOf(parsed(request.responseText), request.status)));
      };
      request.onerror = () => reject(new ApiError(0, AWAY));
      request.onabort = () => reject(new ApiError(0, 'left off'));
    })
  );
  request.open('POST', `/v1/sessions?${query}`);
  request.setRequestHeader('Content-Type', 'application/octet-stream');
  request.send(file);
  return { sent, abort: () => request.abort() };
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
