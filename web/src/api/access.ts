// How the server is reached: without words and drawing, so that a session can be tested by itself.

export const ROOT = '/api/v1';

/** The token arrives in the address's fragment, which is never sent; it is taken out so that no copied link holds it. */
export function takeToken(): void {
  const found = /[#?&]token=([^&]+)/.exec(location.hash);
  if (!found?.[1]) return;
  sessionStorage.setItem('deltarule-token', decodeURIComponent(found[1]));
  const rest = location.hash.replace(/([#?&])token=[^&]+&?/, '$1').replace(/[#?&]$/, '');
  history.replaceState(null, '', location.pathname + location.search + rest);
}

export const token = () => sessionStorage.getItem('deltarule-token') ?? '';
