// The forms by which people come in: log in, use an invitation, choose a new password.
const [form, greeting, problem] = ['form', 'greeting', 'problem'].map((id) => document.getElementById(id));
const secret = location.hash.slice(1);
const here = location.pathname.replace(/\/+$/, '');

function ask(names, button) {
  for (const label of form.querySelectorAll('label')) {
    const wanted = names.includes(label.dataset.for);
    label.hidden = !wanted;
    label.querySelector('input').required = wanted && label.dataset.for !== 'first_name';
  }
  form.password.autocomplete = here === '/login' ? 'current-password' : 'new-password';
  form.querySelector('button').textContent = button;
  form.hidden = false;
}

async function post(path, body) {
  const csrf = document.cookie.match(/(?:^|; )hedgerow_csrftoken=([^;]*)/);
  const headers = { 'Content-Type': 'application/json' };
  if (csrf) headers['X-CSRFToken'] = csrf[1];
  const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

function done(text) {
  form.hidden = true;
  greeting.textContent = text;
  problem.textContent = '';
}

async function begin() {
  if (here === '/login') return ask(['email', 'password'], 'Log in');
  history.replaceState(null, '', here); // the link is not left in the history
  const { status, body } = await post('/api/links/preview/', { token: secret });
  if (status !== 200) return (problem.textContent = body.detail);
  if (body.kind === 'reset') {
    greeting.textContent = `A new password for ${body.target_email}`;
    return ask(['password'], 'Save');
  }
  const place = body.project ? ` to ${body.project.name} as ${body.role}` : '';
  greeting.textContent = body.kind === 'first_owner'
    ? 'Make the first account. It owns this instance.'
    : `You are invited${place}: ${body.target_email}`;
  if (!body.has_account) return ask(body.kind === 'first_owner' ? ['email', 'first_name', 'password'] : ['first_name', 'password'], 'Join');
  const joined = await post('/api/links/join/', { token: secret });
  if (joined.status === 201) return done('You are in.');
  problem.textContent = 'You have an account: log in with it in another tab, then open the link again.';
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  problem.textContent = '';
  const given = Object.fromEntries([...form.elements].filter((one) => one.name && one.value).map((one) => [one.name, one.value]));
  const path = { '/login': '/api/login/', '/join': '/api/links/join/', '/reset': '/api/links/reset/' }[here];
  const { status, body } = await post(path, here === '/login' ? given : { ...given, token: secret });
  if (status === 401 && body.code === '2fa_required') {
    greeting.textContent = body.detail;
    return ask(['email', 'password', 'token'], 'Log in');
  }
  if (status >= 400) return (problem.textContent = body.detail);
  done(here === '/reset' ? 'Saved. Log in with it now.' : `You are logged in as ${body.user.email}.`);
});
begin();
