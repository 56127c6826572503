"""Levenberg-Marquardt for many small bounded least-squares problems at once."""

import numpy as np

_SMALLEST_DAMPING = 1e-14  # of the curvature
_LARGEST_DAMPING = 1e12  # of the curvature


def minimize_in_box(evaluate, start, lower, upper, *, floor=0.0, max_iter=100, tol=1e-13):
    """Minimise costs like sums of squares over boxes, all problems of a batch side by side.

    Problems that have converged leave the batch. Bounds are active inside the fit: variables that
    a bound holds back are taken out of the step.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(theta, rows)`` returns of the problems ``rows`` at ``theta`` (m, n_variables) the
        cost (m,), half its gradient (m, n_variables) and half its curvature (m, n_variables,
        n_variables), the latter positive semidefinite: for a sum of squares see
        :func:`sum_of_squares`.
    start, lower, upper : ndarray of shape (n, n_variables)
        Initial values inside the bounds, and the bounds.
    floor : float or ndarray of shape (n,), default=0.0
        Part of the cost that does not depend on theta; it counts in the tolerance.
    max_iter : int, default=100
    tol : float, default=1e-13
        A problem has converged when the next step would lower its cost by less than this fraction.

    Returns
    -------
    theta : ndarray of shape (n, n_variables)
    cost : ndarray of shape (n,)
        Without `floor`.
    converged : ndarray of shape (n,) of bool
    n_iter : ndarray of shape (n,) of int
    """
    theta = np.array(start, dtype=float)
    n, n_variables = theta.shape
    floor = np.broadcast_to(np.asarray(floor, dtype=float), n)
    if n == 1:
        found = _minimize_one(evaluate, theta[0], lower[0], upper[0], floor[0], max_iter, tol)
        return tuple(np.array([value]) for value in found)
    cost, converged, n_iter = np.empty(n), np.zeros(n, bool), np.zeros(n, int)

    rows = np.arange(n)
    cost[:], gradient, hessian = evaluate(theta, rows)
    damping = np.full(n, 1e-4)
    diagonal = np.arange(n_variables)
    for _ in range(max_iter):
        if len(rows) == 0:
            break
        here, low, high = theta[rows], lower[rows], upper[rows]
        at_bound = ((here <= low) & (gradient > 0)) | ((here >= high) & (gradient < 0))
        damped = hessian.copy()
        scale = hessian[:, diagonal, diagonal]
        scale = np.maximum(scale, 1e-12 * scale.max(axis=1, keepdims=True) + 1e-300)
        damped[:, diagonal, diagonal] += damping[:, np.newaxis] * scale
        step = _step_in_box(damped, gradient, at_bound, low - here, high - here)
        there = np.clip(here + step, low, high)
        step = there - here
        # What the quadratic model, undamped, promises of this step.
        promised = -2 * np.einsum("nv,nv->n", gradient, step) - np.einsum(
            "nv,nvw,nw->n", step, hessian, step
        )
        # A step that lowers the cost no more is taken on trust, and is the last.
        small = np.abs(promised) <= tol * (cost[rows] + floor[rows])
        arrived = small & (damping < 1)
        theta[rows[arrived]] = there[arrived]
        converged[rows[arrived]] = True
        going = ~arrived
        rows, damping, small = rows[going], damping[going], small[going]
        gradient, hessian = gradient[going], hessian[going]
        there, step, promised = there[going], step[going], promised[going]
        if len(rows) == 0:
            break

        new_cost, new_gradient, new_hessian = evaluate(there, rows)
        fulfilled = (cost[rows] - new_cost) / np.maximum(promised, 1e-300)
        better = new_cost <= cost[rows]
        n_iter[rows] += 1

        accepted = rows[better]
        theta[accepted], cost[accepted] = there[better], new_cost[better]
        gradient[better], hessian[better] = new_gradient[better], new_hessian[better]

        stuck = ~better & (damping > _LARGEST_DAMPING)
        still = (step == 0).all(axis=1)
        done = (small & better) | still | stuck
        converged[rows[done]] = True
        # Trust the quadratic model as far as it kept its promise.
        relaxed, raised = (
            np.maximum(0.1 * damping, _SMALLEST_DAMPING),
            np.maximum(4 * damping, 1e-6),
        )
        kept = np.where(fulfilled > 0.25, damping, raised)
        damping = np.where(better & (fulfilled > 0.75), relaxed, np.where(better, kept, raised))
        going = ~done
        rows, damping = rows[going], damping[going]
        gradient, hessian = gradient[going], hessian[going]
    return theta, cost, converged, n_iter


def _minimize_one(evaluate, theta, lower, upper, floor, max_iter, tol):
    """Minimise a single cost, as above: most of the time of a batch of one is that of its masks."""
    row = np.zeros(1, dtype=int)

    def evaluate_one(theta):
        cost, gradient, hessian = evaluate(theta[np.newaxis], row)
        return float(cost[0]), gradient[0], hessian[0]

    cost, gradient, hessian = evaluate_one(theta)
    damping, n_iter = 1e-4, 0
    diagonal = np.arange(len(theta))
    for _ in range(max_iter):
        scale = hessian[diagonal, diagonal]
        scale = np.maximum(scale, 1e-12 * scale.max() + 1e-300)
        damped = hessian.copy()
        damped[diagonal, diagonal] += damping * scale
        there = _step_of_one(damped, theta, gradient, lower, upper)
        step = there - theta
        promised = -float((2 * gradient + hessian @ step) @ step)
        small = abs(promised) <= tol * (cost + floor)
        if small and damping < 1:
            return there, cost, True, n_iter
        new_cost, new_gradient, new_hessian = evaluate_one(there)
        fulfilled = (cost - new_cost) / max(promised, 1e-300)
        better = new_cost <= cost
        n_iter += 1
        if better:
            theta, cost, gradient, hessian = there, new_cost, new_gradient, new_hessian
        stuck = not better and damping > _LARGEST_DAMPING
        if (small and better) or stuck or not step.any():
            return theta, cost, True, n_iter
        if better and fulfilled > 0.75:
            damping = max(0.1 * damping, _SMALLEST_DAMPING)
        elif not (better and fulfilled > 0.25):
            damping = max(4 * damping, 1e-6)
    return theta, cost, False, n_iter


def _step_of_one(damped, theta, gradient, lower, upper):
    """Return where the step of a single problem leads."""
    at, low, high = theta.tolist(), lower.tolist(), upper.tolist()
    inside = all(a < x < b for a, x, b in zip(low, at, high, strict=True))
    if inside:
        there = theta + np.linalg.solve(damped, -gradient)
        if all(a <= x <= b for a, x, b in zip(low, there.tolist(), high, strict=True)):
            return there
    at_bound = ((theta <= lower) & (gradient > 0)) | ((theta >= upper) & (gradient < 0))
    problem = damped, gradient, at_bound, lower - theta, upper - theta
    step = _step_in_box(*(part[np.newaxis] for part in problem))[0]
    return np.clip(theta + step, lower, upper)


def sum_of_squares(residuals, jacobian):
    """Return a sum of squares, half its gradient and half its curvature, by Gauss and Newton.

    Parameters
    ----------
    residuals : ndarray of shape (n, n_residuals)
    jacobian : ndarray of shape (n, n_variables, n_residuals)

    Returns
    -------
    cost : ndarray of shape (n,)
    gradient : ndarray of shape (n, n_variables)
    curvature : ndarray of shape (n, n_variables, n_variables)
    """
    cost = np.einsum("nr,nr->n", residuals, residuals)
    gradient = np.einsum("nvr,nr->nv", jacobian, residuals)
    return cost, gradient, jacobian @ jacobian.swapaxes(1, 2)


def _step_in_box(curvature, gradient, at_bound, lowest, highest):
    """Solve for the step of a quadratic model between bounds, holding what hits one.

    Variables that a solution carries over a bound are put on it, and the others solved for again,
    until all are inside.
    """
    n, n_variables = gradient.shape
    identity = np.eye(n_variables)
    step, at_bound = np.zeros((n, n_variables)), at_bound.copy()
    rows = np.arange(n)
    for _ in range(n_variables):
        stays = at_bound[rows]
        either = stays[:, :, np.newaxis] | stays[:, np.newaxis]
        matrix = np.where(either, identity, curvature[rows])
        fixed = np.where(stays, step[rows], 0.0)
        pull = gradient[rows] + (curvature[rows] @ fixed[..., np.newaxis])[..., 0]
        solved = np.linalg.solve(matrix, np.where(stays, 0.0, -pull)[..., np.newaxis])[..., 0]
        solved = np.where(stays, fixed, solved)
        step[rows] = np.clip(solved, lowest[rows], highest[rows])
        over = (solved < lowest[rows]) | (solved > highest[rows])
        at_bound[rows] |= over
        rows = rows[over.any(axis=1)]
        if len(rows) == 0:
            break
    return step
